// Calls of tools as cards. An answer's text holds the calculator's calls by the names of their tokens; OpenAI's calls come beside it.

import { make } from './dom.js';
import { cardEnd, cardStart } from './markdown_inline.js';

const marks = ['<|python_start|>', '<|python_end|>', '<|output_start|>', '<|output_end|>'];
const mark = /<\|(?:python_start|python_end|output_start|output_end)\|>/;

// Takes the calculator's calls out of a text that comes in pieces and leaves numbers in their places, which Markdown carries along.
export class CallSplitter {
  constructor() {
    this.cards = [];
    this.mode = 'text';
    this.held = '';  // the end of the text so far, when it could be the beginning of a mark
    this.ended = false;  // the last card's call has ended and its result may follow
  }

  // The text to show of this piece.
  push(piece) {
    let text = this.held + piece, out = '';
    this.held = '';
    for (let found; (found = mark.exec(text)) !== null;) {
      out += this.take(text.slice(0, found.index)) + this.turn(found[0]);
      text = text.slice(found.index + found[0].length);
    }
    const tail = text.lastIndexOf('<');
    if (tail >= 0 && marks.some((one) => one.startsWith(text.slice(tail)))) {
      this.held = text.slice(tail);
      text = text.slice(0, tail);
    }
    return out + this.take(text);
  }
  finish() {
    const rest = this.held;
    this.held = '';
    return this.take(rest);
  }

  take(text) {
    if (text === '') return '';
    if (this.mode !== 'text') {
      this.cards[this.cards.length - 1].add(this.mode, text);
      return '';
    }
    this.ended = false;
    return text.replace(/[\ue000\ue001]/g, '\ufffd');
  }
  turn(name) {
    const isNew = name === marks[0] || (name === marks[2] && !this.ended);
    if (isNew) this.cards.push(new CalculatorCard());
    this.ended = name === marks[1] && this.mode === 'expression';
    this.mode = name === marks[0] ? 'expression' : name === marks[2] ? 'result' : 'text';
    if (name === marks[2]) this.cards[this.cards.length - 1].add('result', '');
    return isNew ? `${cardStart}${this.cards.length - 1}${cardEnd}` : '';
  }
}

class CalculatorCard {
  constructor() {
    this.expression = '';
    this.result = null;
    this.code = make('code');
    this.element = make('span', { class: 'chip', title: 'Worked out with the calculator' }, this.code);
  }
  add(part, text) {
    this[part] = (this[part] ?? '') + text;
    this.code.textContent = this.expression;
    this.element.classList.toggle('long', this.expression.includes('\n'));
    if (this.result === null) return;
    this.output ??= make('b');
    this.output.textContent = this.result;
    if (!this.output.parentNode) this.element.append(' = ', this.output);
  }
  get source() {
    return `${marks[0]}${this.expression}${marks[1]}${this.result === null ? '' : `${marks[2]}${this.result}${marks[3]}`}`;
  }
}

const pretty = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

// OpenAI's call: name, arguments, and a box for what the tool says. answer(text), when given, sends it to the model.
export function callCard(call, answer) {
  const card = make('div', { class: 'call', role: 'group', 'aria-label': `Call of the tool ${call.name}` },
    make('p', { class: 'call-name' }, make('span', {}, 'Tool call'), make('code', {}, call.name)),
    make('pre', { tabindex: '0', role: 'group', 'aria-label': 'Arguments' }, pretty(call.arguments)));
  if (!answer) return card;
  const box = make('textarea', { rows: '2', 'aria-label': `What ${call.name} answers`, placeholder: 'What the tool answers' });
  const form = make('form', { class: 'call-answer', on: { submit: (event) => {
    event.preventDefault();
    answer(box.value);
  } } }, box, make('button', { type: 'submit', class: 'plain' }, 'Send result'));
  card.append(form);
  return card;
}

// Deltas of a stream put together: pieces of one call have one index.
export function mergeCalls(calls, deltas) {
  for (const delta of deltas) {
    const index = Number.isInteger(delta.index) && delta.index >= 0 && delta.index < 128 ? delta.index : calls.length;
    while (calls.length <= index) calls.push({ id: '', name: '', arguments: '' });
    const call = calls[index];
    call.id += delta.id ?? '';
    call.name += delta.function?.name ?? '';
    call.arguments += delta.function?.arguments ?? '';
  }
}
