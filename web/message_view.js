// One message on the page: its text, what can be done with it, and the notes that belong to it (console lines, errors).

import { AnswerText, showText } from './answer_text.js';
import { copyText } from './code_block.js';
import { iconButton, make } from './dom.js';
import { callCard } from './tool_calls.js';
import { TokenView } from './token_view.js';
import { branchOf, openCalls, parentOf } from './tree.js';

export class MessageView {
  // thread: what the buttons call.
  constructor(thread, node) {
    this.thread = thread;
    this.node = node;
    this.text = make('div', { class: 'text' });
    this.calls = make('div', { class: 'calls' });
    this.body = make('div', { class: `message ${node.role}`, role: 'article', 'aria-label': { user: 'You', assistant: 'Answer', tool: 'Result of a tool' }[node.role] }, this.text, this.calls);
    this.foot = make('div', { class: 'foot' });
    this.notes = make('div', { class: 'notes' });
    this.entry = make('div', { class: `entry ${node.role}` }, this.body, this.foot, this.notes);
    this.cards = [];
    this.stream = null;
    this.tokenView = null;
    if (node.role === 'user') {
      this.body.title = 'Click to edit and send again';
      this.text.addEventListener('click', () => { if (String(getSelection()) === '') this.edit(); });
    }
    this.show();
  }

  show() {
    const { node, thread } = this;
    this.stream = this.tokenView = null;
    this.text.classList.toggle('markdown', node.role === 'assistant' && !(thread.showsTokens() && node.tokens));
    if (node.role !== 'assistant') this.text.textContent = node.content;
    else if (thread.showsTokens() && node.tokens) this.tokenView = new TokenView(this.text, node, (at, other) => thread.branchFrom(node, at, other));
    else showText(this.text, node.content);
    this.showCalls();
    this.showFoot();
  }

  showCalls() {
    const { node, thread } = this;
    const open = thread.busy() ? [] : openCalls(thread.lane, node);
    // A card that stays as it is keeps what is being typed into it.
    this.cards = (node.calls ?? []).map((call, i) => {
      const key = JSON.stringify([call, open.includes(call)]);
      return this.cards[i]?.key === key ? this.cards[i] : { key, element: callCard(call, open.includes(call) ? (text) => thread.answerCall(node, call, text) : null) };
    });
    this.calls.replaceChildren(...this.cards.map((card) => card.element));
  }

  // While an answer comes.
  wait() {
    const dots = make('span', { class: 'typing', role: 'img', 'aria-label': 'waiting for the answer' }, make('i'), make('i'), make('i'));
    if (this.node.content === '') this.text.replaceChildren(dots);
    this.body.setAttribute('aria-busy', 'true');
    this.showFoot();
  }
  add(piece) {
    if (this.thread.showsTokens() && this.node.tokens) {
      this.text.classList.remove('markdown');
      if (!this.tokenView) this.tokenView = new TokenView(this.text, this.node, (at, other) => this.thread.branchFrom(this.node, at, other));
      else this.tokenView.update();
      this.thread.follow();
      return;
    }
    if (!this.stream) {
      this.text.replaceChildren();
      this.stream = new AnswerText(this.text, () => this.thread.follow());
      this.stream.add(this.node.content.slice(0, this.node.content.length - piece.length));
    }
    this.stream.add(piece);
  }
  finish() {
    this.body.removeAttribute('aria-busy');
    if (this.stream) this.stream.finish();
    else if (!this.tokenView) this.show();
    this.stream = null;
    this.showCalls();
    this.showFoot();
  }

  showFoot() {
    const { node, thread } = this;
    const busy = thread.busy(), running = thread.running?.node === node;
    const parts = [];
    const { index, count } = branchOf(thread.lane, node);
    if (count > 1) {
      parts.push(make('span', { class: 'branches', role: 'group', 'aria-label': 'Branches' },
        iconButton('previous', 'Previous branch', () => thread.turn(node, -1), { disabled: busy || index === 0 }),
        make('span', {}, `${index + 1}/${count}`),
        iconButton('next', 'Next branch', () => thread.turn(node, 1), { disabled: busy || index === count - 1 })));
    }
    const button = (name, label, act, properties = {}) => parts.push(iconButton(name, label, act, { disabled: busy, ...properties }));
    if (!running) parts.push(iconButton('copy', 'Copy', (event) => copyText(node.content, event.currentTarget)));
    if (!running && node.role === 'user') {
      button('edit', 'Edit and send again', () => this.edit(), { 'data-act': 'edit' });
      if (node.children.length === 0) button('again', 'Ask again', () => thread.answer(node), { 'data-act': 'again' });
    }
    if (!running && node.role === 'assistant') {
      button('edit', 'Edit the answer', () => this.edit(), { 'data-act': 'edit' });
      button('again', 'Another answer', () => thread.answer(parentOf(thread.lane, node)), { 'data-act': 'again' });
      if (node.content !== '') button('onward', 'Continue the answer', () => thread.goOn(node), { 'data-act': 'onward' });
    }
    this.figures = make('span', { class: 'figures' });
    this.showFigures();
    this.foot.replaceChildren(...parts, this.figures);
  }
  showFigures() {
    const { figures, finish } = this.node;
    const said = [];
    if (figures) {
      said.push(`${figures.tokens} ${figures.tokens === 1 ? 'token' : 'tokens'}`);
      if (figures.rate > 0) said.push(`${figures.rate.toFixed(figures.rate < 99.95 ? 1 : 0)} tokens/s`);
      said.push(`first after ${figures.first.toFixed(2)} s`);
    }
    if (finish === 'length') said.push('cut at the most tokens');
    if (finish === 'stopped') said.push('stopped');
    if (finish === 'broken') said.push('broken off');
    this.figures.textContent = said.join(' · ');
  }

  edit() {
    if (this.thread.busy() || this.entry.querySelector('.editor')) return;
    const { node, thread } = this;
    const box = make('textarea', { 'aria-label': node.role === 'user' ? 'Your message' : 'The answer', rows: String(Math.min(20, node.content.split('\n').length + 1)) });
    box.value = node.content;
    const close = () => {
      form.remove();
      this.body.hidden = this.foot.hidden = false;
    };
    const done = () => {
      const text = box.value.trim();
      close();
      if (text === '') return;
      if (node.role === 'user') thread.resend(node, text);
      else thread.rewrite(node, text);
    };
    const form = make('form', { class: 'editor', on: { submit: (event) => {
      event.preventDefault();
      done();
    } } }, box, make('div', {}, make('button', { type: 'submit', class: 'primary' }, node.role === 'user' ? 'Send' : 'Save'),
      make('button', { type: 'button', class: 'plain', on: { click: () => close() } }, 'Cancel')));
    box.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        event.stopPropagation();
        close();
        this.foot.querySelector('[data-act="edit"]')?.focus();
      } else if (event.key === 'Enter' && !event.isComposing && (node.role === 'user' ? !event.shiftKey : event.ctrlKey)) {
        event.preventDefault();
        done();
      }
    });
    this.body.hidden = this.foot.hidden = true;
    this.entry.prepend(form);
    box.focus();
  }

  note(text) {
    const box = make('div', { class: 'console' }, text);
    this.notes.append(box);
    return box;
  }
  fail(text, retry) {
    const box = make('div', { class: 'error', role: 'alert' }, make('span', {}, text));
    if (retry) {
      box.append(make('button', { type: 'button', on: { click: () => {
        if (this.thread.busy()) return;
        box.remove();
        retry();
      } } }, 'Try again'));
    }
    this.notes.append(box);
  }
}
