// The keys, and the window that lists them.

import { openDialog } from './dialogs.js';
import { make } from './dom.js';

const keys = [
  ['Enter', 'Send the message'],
  ['Shift+Enter', 'Break the line'],
  ['Esc', 'Stop the answer, close a window'],
  ['Alt+N, Ctrl+Shift+N', 'New conversation'],
  ['Alt+I', 'To the message box'],
  ['Alt+K', 'Search conversations'],
  ['Alt+B', 'Show or hide the conversations'],
  ['Alt+E', 'Edit the last question'],
  ['Alt+R', 'Another answer'],
  ['Alt+C', 'Continue the answer'],
  ['Alt+, and Alt+.', 'Previous and next branch'],
  ['Alt+T', 'Tokens and their probabilities'],
  ['Alt+M', 'Two models side by side'],
  ['Alt+S', 'Settings of this conversation'],
  ['Alt+D', 'Light, dark, or the system\'s colours'],
  ['Alt+H', 'This list'],
  ['Up, Down, F2, Delete', 'In the list: go, rename, delete'],
  ['Left, Right, Enter', 'In the tokens: go, open the alternatives'],
];

export const openHelp = () => openDialog('Keyboard', [
  make('table', { class: 'keys' }, make('tbody', {}, ...keys.map(([key, what]) => make('tr', {}, make('th', { scope: 'row' }, make('kbd', {}, key)), make('td', {}, what))))),
]);

// Only with Ctrl or Alt, so that no key typed by itself does anything unexpected.
export function listenToKeys(page) {
  const byCode = {
    KeyI: page.focusInput, KeyN: page.startAnew, KeyK: page.search, KeyB: page.turnSidebar, KeyT: page.turnTokens, KeyM: page.turnCompare, KeyS: page.showSettings, KeyD: page.turnTheme, KeyH: page.openHelp,
    KeyE: () => page.act('edit', 'user'), KeyR: () => page.act('again', 'assistant'), KeyC: () => page.act('onward', 'assistant'), Comma: () => page.branch(-1), Period: () => page.branch(1),
  };
  document.addEventListener('keydown', (event) => {
    if (document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape') page.stop();
    else if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'n') {
      event.preventDefault();
      page.startAnew();
    } else if (event.altKey && !event.ctrlKey && !event.metaKey && Object.hasOwn(byCode, event.code)) {
      event.preventDefault();
      byCode[event.code]();
    }
  });
}
