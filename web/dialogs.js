// Windows over the page. The browser's own dialogs keep the focus inside, close by Esc and give the focus back.

import { iconButton, make } from './dom.js';

// The dialog, open. `closed` is called once, however it was closed.
export function openDialog(title, content, { kind = '', closed = () => {} } = {}) {
  const heading = make('h2', { id: 'dialog-title' }, title);
  const dialog = make('dialog', { class: `window ${kind}`, 'aria-labelledby': 'dialog-title' },
    make('header', {}, heading, iconButton('close', 'Close', () => dialog.close())), make('div', { class: 'window-body' }, ...content));
  dialog.addEventListener('close', () => {
    dialog.remove();
    closed();
  });
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// A line of text asked for: ask's answer is it, or null.
export function askLine(title, label, value, { password = false, hint = null, action = 'Save' } = {}) {
  return new Promise((resolve) => {
    let answer = null;
    const input = make('input', { id: 'asked', type: password ? 'password' : 'text', autocomplete: 'off', maxlength: '500' });
    input.value = value;
    const form = make('form', { on: { submit: (event) => {
      event.preventDefault();
      answer = input.value;
      dialog.close();
    } } }, hint && make('p', {}, hint), make('label', { for: 'asked' }, label), input, make('button', { type: 'submit', class: 'primary' }, action));
    const dialog = openDialog(title, [form], { kind: 'small', closed: () => resolve(answer) });
    input.focus();
    input.select();
  });
}

// [[name, icon button label, act], ...]: a list of things to do; the dialog closes when one is chosen.
export function openMenu(title, entries) {
  const dialog = openDialog(title, [make('div', { class: 'menu' }, ...entries.map(([label, hint, act]) => make('button', { type: 'button', on: { click: () => {
    dialog.close();
    act();
  } } }, make('span', {}, label), hint && make('kbd', {}, hint))))], { kind: 'small' });
  dialog.querySelector('.menu button').focus();
  return dialog;
}

// A line at the top, for some seconds or until something else is said: longer when there is something to do.
export function toast(text, label, act) {
  document.querySelector('.toast')?.remove();
  const box = make('div', { class: 'toast', role: 'status' }, make('span', {}, text));
  const remove = () => box.remove();
  if (label) {
    box.append(make('button', { type: 'button', on: { click: () => {
      remove();
      act();
    } } }, label));
  }
  box.append(iconButton('close', 'Dismiss', remove));
  document.body.append(box);
  const timer = setInterval(() => { if (!box.matches(':hover, :focus-within')) remove(); }, label ? 10000 : 5000);
  new MutationObserver((_, observer) => {
    if (box.isConnected) return;
    clearInterval(timer);
    observer.disconnect();
  }).observe(document.body, { childList: true });
}
