// The page: which conversation is open, what is sent, and what the buttons around it do.

import { apiKey, listModels, pageInfo } from './api.js';
import { runCommand } from './commands.js';
import { askLine, openMenu, toast } from './dialogs.js';
import { announce, byId, make } from './dom.js';
import { dress, showModels } from './bar.js';
import { exportAll, exportOne, importFile } from './files.js';
import { checkServer, keepFiles } from './offline.js';
import { asRequest, fields } from './settings_table.js';
import { openSettings } from './settings_panel.js';
import { listenToKeys, openHelp } from './shortcuts.js';
import { Sidebar } from './sidebar.js';
import { loadConversation, newId, openStore, saveConversation } from './store.js';
import { Thread } from './thread.js';
import { makeLane } from './tree.js';
import { showTabs, turnTheme } from './views.js';

const input = byId('input');
let info = { models: [], model: '', defaults: {}, keyNeeded: false, dashboard: null, report: null, contextLength: null };
let saving = Promise.resolve();
let later = 0;  // a timer: what another window has written is shown when no dialog is open any more
let deleted = null;  // its answer under way must not bring it back

const makeConversation = () => ({ id: newId(), title: 'New conversation', named: false, created: Date.now(), updated: Date.now(), settings: { system: '' }, compare: false, tokens: false, lanes: [makeLane()] });
const isEmpty = (conversation) => conversation.lanes.every((lane) => lane.nodes.length === 1);

// What the columns share (thread.js).
const chat = {
  conversation: makeConversation(),
  threads: [],
  busy: () => chat.threads.some((thread) => thread.running !== null),
  requestOf: (lane) => {
    const model = lane.model || info.model;
    return { system: chat.conversation.settings.system, body: { ...(model ? { model } : {}), ...asRequest(chat.conversation.settings, info.defaults) } };
  },
  // The answer under way has begun or ended, with a failure perhaps.
  changed: (failure) => {
    for (const thread of chat.threads) thread.refresh();
    refresh();
    if (failure?.status === 401) askForKey('The server did not take the key.');
    else if (failure && (failure.status === 0 || failure.status >= 500)) checkServer(wellAgain);
    if (!chat.busy() && document.activeElement === document.body) input.focus();
  },
  // In order, so that an older state never overwrites a newer one.
  save: (conversation = chat.conversation) => {
    if (isEmpty(conversation) || conversation === deleted) return saving;
    conversation.updated = Date.now();
    if (!conversation.named && conversation.title === 'New conversation') {
      conversation.title = (conversation.lanes[0].nodes.find((node) => node?.role === 'user')?.content ?? '').trim().split('\n')[0].slice(0, 80) || 'New conversation';
    }
    saving = saving.then(async () => {
      if (conversation === deleted) return;
      let writing = await saveConversation(structuredClone(conversation));
      if (writing === null) {  // another window has gone on with it: both stay
        if (conversation === deleted) return;
        Object.assign(conversation, { id: newId(), title: `${conversation.title} (copy)`, writing: undefined });
        if (conversation === chat.conversation) history.replaceState(null, '', `#${conversation.id}`);
        toast('Another window has gone on with this conversation: what was said here is a conversation of its own now.');
        writing = await saveConversation(structuredClone(conversation));
      }
      conversation.writing = writing;
      await sidebar.draw(chat.conversation.id).catch(() => {});  // a list that can't be read keeps nothing from being written
    });
    if (conversation === chat.conversation) history.replaceState(null, '', `#${conversation.id}`);
    return saving;
  },
};

const sidebar = new Sidebar(byId('conversations'), byId('search'), {
  open: (id) => open(id),
  gone: (id) => {
    if (id === chat.conversation.id) {
      deleted = chat.conversation;
      startAnew();
    }
    return saving;
  },
  renamed: (id, title) => {
    if (id === chat.conversation.id) Object.assign(chat.conversation, { title, named: true });
    refresh();
  },
});

// Ends what is under way and shows `conversation`. Answers that are broken off so are kept as far as they came.
function show(conversation) {
  for (const thread of chat.threads) thread.stop();
  chat.conversation = conversation;
  showLanes();
  closeDrawer();
  sidebar.draw(conversation.id);
}
function showLanes() {
  const { conversation } = chat;
  chat.threads = conversation.lanes.slice(0, conversation.compare ? 2 : 1).map((lane) => new Thread(chat, lane));
  byId('threads').replaceChildren(...chat.threads.map((thread) => thread.element));
  refresh();
  for (const thread of chat.threads) thread.follow();
}

// Another window has written a conversation: the one that is open here is read again, or it would be overwritten by what this window knows.
async function seenElsewhere(id) {
  const stands = () => id === chat.conversation.id && !chat.busy();
  const isEdited = () => document.querySelector('dialog, .editor') !== null;
  sidebar.draw();
  clearTimeout(later);
  let conversation;
  for (let before = null; before !== saving || isEdited();) {  // until nothing was written or opened here while it was read
    if (!stands()) return;
    if (isEdited()) {
      later = setTimeout(() => seenElsewhere(id), 300);
      return;
    }
    before = saving;
    await before;
    conversation = await loadConversation(id);
  }
  if (!conversation || !stands()) return;
  const places = chat.threads.map((thread) => [thread.following, thread.element.scrollTop]);
  chat.conversation = conversation;
  showLanes();
  for (const [i, thread] of chat.threads.entries()) {
    if (!places[i] || places[i][0]) continue;
    [thread.following, thread.element.scrollTop] = places[i];
  }
}

function startAnew() {
  const { model } = chat.conversation.lanes[0];
  show(makeConversation());
  chat.conversation.lanes[0].model = model;
  history.replaceState(null, '', location.pathname);
  refresh();
  setInput('');
}
async function open(id) {
  if (id === chat.conversation.id) return closeDrawer();
  await saving;
  const conversation = await loadConversation(id);
  if (!conversation) return startAnew();
  history.replaceState(null, '', `#${id}`);
  show(conversation);
  input.focus();
  return announce(`Conversation ${conversation.title}`);
}

function refresh() {
  const { conversation } = chat, busy = chat.busy();
  const written = chat.threads.some((thread) => thread.list.querySelector('.entry, .console, .error'));
  document.title = isEmpty(conversation) ? 'lathe' : `${conversation.title} - lathe`;
  byId('welcome').hidden = written;
  byId('threads').hidden = !written;
  byId('threads').classList.toggle('two', conversation.compare);
  byId('send').disabled = busy || input.value.trim() === '';
  byId('send').hidden = busy;
  byId('stop').hidden = !busy;
  document.body.classList.toggle('generating', busy);
  byId('tokens').setAttribute('aria-pressed', String(conversation.tokens));
  byId('compare').setAttribute('aria-pressed', String(conversation.compare));
  byId('compare').disabled = byId('tokens').disabled = busy;
  for (const [place, id] of ['model', 'second'].entries()) showModels(byId(id), conversation.lanes[place]?.model || info.model, info.models, place === 0 || conversation.compare, busy);
  for (const thread of chat.threads) {
    thread.head.hidden = !conversation.compare;
    thread.element.setAttribute('aria-label', conversation.compare ? (thread === chat.threads[0] ? 'First model' : 'Second model') : 'Answers');
    thread.head.textContent = thread.head.title = thread.lane.model || info.model || 'Model';
  }
}
function setInput(text) {
  input.value = text;
  growInput();
  input.focus();
}
function growInput() {
  input.style.height = 'auto';
  input.style.height = `${Math.min(input.scrollHeight, 200)}px`;
  byId('send').disabled = chat.busy() || input.value.trim() === '';
}

const settings = {
  get: (key) => chat.conversation.settings[key] ?? info.defaults[key] ?? fields.find((field) => field.key === key).fallback,
  set: (key, value) => { chat.conversation.settings[key] = value; },
};

function submit() {
  const text = input.value.trim();
  if (chat.busy() || text === '') return;
  setInput('');
  if (text.startsWith('/')) {
    const said = runCommand(text, settings, startAnew);
    if (said !== null) for (const thread of chat.threads) thread.note(said);
    if (said !== null) announce(said);
    chat.save();
    refresh();
    return;
  }
  for (const thread of chat.threads) thread.ask(text);
}

function turnTokens() {
  if (chat.busy()) return;
  chat.conversation.tokens = !chat.conversation.tokens;
  for (const thread of chat.threads) thread.showAgain();
  const known = chat.conversation.lanes.some((lane) => lane.nodes.some((node) => node?.tokens));
  if (chat.conversation.tokens) toast(known || isEmpty(chat.conversation) ? 'Token view: point at a word to see its alternatives' : 'Token view: the next answers will show it');
  else announce('Token view is off');
  chat.save();
  refresh();
}
function turnCompare() {
  const { conversation } = chat;
  if (chat.busy()) return;
  conversation.compare = !conversation.compare;
  if (conversation.compare && conversation.lanes.length === 1) {
    const second = structuredClone(conversation.lanes[0]);
    second.model = info.models.find((name) => name !== (conversation.lanes[0].model || info.model)) ?? conversation.lanes[0].model;
    conversation.lanes.push(second);
  }
  showLanes();
  chat.save();
}

function openDrawer() {
  byId('sidebar').classList.add('shown');
  byId('scrim').hidden = false;
  byId('chat').inert = true;
  byId('search').focus();
}
function closeDrawer() {
  byId('chat').inert = false;
  byId('scrim').hidden = true;
  byId('sidebar').classList.remove('shown');
}
function turnSidebar() {
  if (matchMedia('(max-width: 48rem)').matches) {
    if (byId('scrim').hidden) openDrawer();
    else closeDrawer();
  } else document.body.classList.toggle('no-sidebar');
  byId('toggle').setAttribute('aria-expanded', String(matchMedia('(max-width: 48rem)').matches ? !byId('scrim').hidden : !document.body.classList.contains('no-sidebar')));
}

const showSettings = () => openSettings(chat.conversation.settings, info.defaults, () => chat.save());
function showMenu() {
  const { conversation } = chat;
  openMenu('This conversation', [
    ['Settings', 'Alt+S', showSettings],
    [conversation.tokens ? 'Hide the tokens' : 'Show the tokens', 'Alt+T', turnTokens],
    [conversation.compare ? 'One model' : 'Two models side by side', 'Alt+M', turnCompare],
    ...(isEmpty(conversation) ? [] : [
      ['Rename', null, async () => {
        const title = (await askLine('Rename', 'Title', conversation.title))?.trim();
        if (!title) return;
        await saving;
        await sidebar.name(conversation.id, title);
        await sidebar.draw();
      }],
      ['Export as Markdown', null, () => exportOne(conversation, 'md')],
      ['Export as JSON', null, () => exportOne(conversation, 'json')],
      ['Delete', null, () => sidebar.remove(conversation.id)],
    ]),
    ['Light, dark, or the system\'s colours', 'Alt+D', turnTheme],
    ['Keyboard', 'Alt+H', openHelp],
  ]);
}

async function askForKey(hint) {
  if (document.querySelector('dialog')) return;
  const key = await askLine('API key', 'Key', '', { password: true, action: 'Use this key', hint: `${hint} It is kept until this tab is closed.` });
  if (key === null) return;
  apiKey.set(key.trim());
  await learn();
}

// What the server is and has.
async function learn() {
  const key = apiKey.get();
  try {
    info = await pageInfo();
    if (info.models.length === 0) info.models = await listModels();
    if (info.keyNeeded && apiKey.get() === '') askForKey('This server asks for a key.');
  } catch (error) {
    if (error.status === 401 && key === apiKey.get()) askForKey(key === '' ? 'This server asks for a key.' : 'The server did not take the key.');
    return refresh();
  }
  info.model ||= info.models[0] ?? '';
  showTabs(info);
  return refresh();
}
const wellAgain = (wasAway) => {
  if (wasAway) announce('The server is here again');
  learn();
};

function trouble(text) {
  const dismiss = make('button', { type: 'button', on: { click: () => byId('trouble').replaceChildren() } }, 'Dismiss');
  byId('trouble').replaceChildren(make('div', { class: 'error', role: 'alert' }, text, dismiss));
}

function listen() {
  const on = (id, event, act) => byId(id).addEventListener(event, act);
  const stop = () => { for (const thread of chat.threads) thread.stop(); };
  on('form', 'submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('input', growInput);
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  on('stop', 'click', stop);
  on('new', 'click', startAnew);
  on('toggle', 'click', turnSidebar);
  on('scrim', 'click', closeDrawer);
  on('compare', 'click', turnCompare);
  on('tokens', 'click', turnTokens);
  on('settings', 'click', showSettings);
  on('more', 'click', showMenu);
  on('theme', 'click', turnTheme);
  on('help', 'click', openHelp);
  on('export', 'click', exportAll);
  on('import', 'click', () => byId('import-file').click());
  on('import-file', 'change', async (event) => {
    const last = await importFile(event.target.files[0]);
    event.target.value = '';
    if (last) await open(last);
  });
  for (const [place, id] of ['model', 'second'].entries()) {
    on(id, 'change', (event) => {
      chat.conversation.lanes[place].model = event.target.value;
      chat.save();
      refresh();
    });
  }
  listenToKeys({
    stop: () => {
      if (!byId('scrim').hidden) {
        closeDrawer();
        byId('toggle').focus();
      } else stop();
    },
    startAnew: () => { if (!chat.busy()) startAnew(); },
    turnSidebar, turnTokens, turnCompare, turnTheme, showSettings, openHelp,
    act: (name, role) => [...chat.threads[0].list.querySelectorAll(`.entry.${role} [data-act="${name}"]`)].pop()?.click(),
    branch: (step) => [...chat.threads[0].list.querySelectorAll(`[aria-label="${step < 0 ? 'Previous' : 'Next'} branch"]`)].pop()?.click(),
    search: () => {
      if (byId('sidebar').offsetWidth === 0 || (matchMedia('(max-width: 48rem)').matches && byId('scrim').hidden)) turnSidebar();
      byId('search').focus();
    },
    focusInput: () => input.focus(),
  });
}

dress(setInput);
listen();
showLanes();
input.focus();
await openStore(trouble, seenElsewhere);
await sidebar.draw();
const asked = /^#([0-9a-f]{32})$/.exec(location.hash)?.[1];
if (asked) await open(asked);
checkServer(wellAgain);
keepFiles();
