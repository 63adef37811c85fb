// The page without its server: a service worker gives its files, and a banner says how the server is.

import { health } from './api.js';
import { byId, make } from './dom.js';

// Where browsers allow it (this machine, or https), the files that this page has loaded are kept for times without a server.
export async function keepFiles() {
  if (!('serviceWorker' in navigator)) return;
  try {
    const address = window.trustedTypes ? window.trustedTypes.createPolicy('lathe', { createScriptURL: () => '/offline_worker.js' }).createScriptURL('') : '/offline_worker.js';
    await navigator.serviceWorker.register(address);
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType('resource').map((entry) => new URL(entry.name)).filter((url) => url.origin === location.origin && /\.(js|css|svg)$/.test(url.pathname));
    active.postMessage(['/', ...new Set(loaded.map((url) => url.pathname))]);
  } catch {
    // a private window, perhaps: the page then lives with its server only
  }
}

let timer = 0, wait = 0, asked = 0;

// Asks the server how it is and says so; asks again while all is not well. well(): called when it has become so.
export async function checkServer(well) {
  clearTimeout(timer);
  const turn = ++asked;
  const state = await health();
  if (turn !== asked) return;
  if (state?.status === 'ok' && state.ready !== false) {
    const was = byId('banner').childElementCount > 0;
    byId('banner').replaceChildren();
    wait = 0;
    well(was);
    return;
  }
  if (state?.status === 'ok') say('loading', 'The model is being loaded ...');
  else if (state) say('error', `The engine is not running${state.reason ? `: ${state.reason}` : ''}. What was said stays readable.`);
  else say('error', 'The server is away: the engine is not running, or cannot be reached. Start it with "lathe serve". What was said stays readable.');
  wait = state?.status === 'ok' ? 1000 : Math.min(10000, 1.5 * wait + 1000);
  timer = setTimeout(() => checkServer(well), wait);
}

function say(kind, text) {
  if (byId('banner').textContent === text) return;
  byId('banner').replaceChildren(make('div', { class: kind, role: kind === 'error' ? 'alert' : 'status' }, text));
}
