// The tabs beside the chat (training dashboard, report), and the page's colours.

import { announce, byId, make } from './dom.js';

let shown = 'Chat';

// Pages of this server are shown inside; others open for themselves.
export function showTabs(info) {
  const views = [['Chat', null], ['Training', info.dashboard], ['Report', info.report]].filter(([name, address]) => name === 'Chat' || address !== null);
  byId('tabs').hidden = views.length < 2;
  byId('tabs').replaceChildren(...views.map(([name, address]) => {
    const url = address === null ? null : new URL(address, location.href);
    if (url && !/^https?:$/.test(url.protocol)) return '';
    if (url && url.origin !== location.origin) return make('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer' }, name);
    return make('button', { type: 'button', 'aria-pressed': String(name === shown), on: { click: (event) => turnTo(name, url, event.currentTarget) } }, name);
  }));
}

function turnTo(name, url, button) {
  shown = name;
  for (const one of byId('tabs').querySelectorAll('button')) one.setAttribute('aria-pressed', String(one === button));
  byId('chat').hidden = byId('sidebar').hidden = url !== null;
  byId('embedded').hidden = url === null;
  byId('embedded').replaceChildren(...(url ? [make('iframe', { src: url.href, title: name })] : []));
}

export function turnTheme() {
  const order = ['', 'light', 'dark'];
  const theme = order[(order.indexOf(document.documentElement.dataset.theme ?? '') + 1) % 3];
  if (theme === '') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('lathe-theme', theme);
  } catch {
    // a browser that keeps nothing: until the page is closed
  }
  announce(theme === '' ? 'The system\'s colours' : `${theme} colours`);
}
