// The text of a message as Markdown, whole or while it comes. Pieces are gathered between two drawings, and drawing takes at most a
// fifth of the time, so that typing and scrolling stay smooth however long the answer is.

import { MarkdownStream } from './markdown.js';
import { CallSplitter } from './tool_calls.js';

const shortestPause = 25;  // milliseconds

export class AnswerText {
  // drawn(): called after each change of the elements.
  constructor(element, drawn = () => {}) {
    this.calls = new CallSplitter();
    this.markdown = new MarkdownStream(element, (number) => this.calls.cards[number]);
    this.drawn = drawn;
    this.waiting = '';
    this.timer = 0;
    this.pause = shortestPause;
  }
  add(text) {
    this.waiting += text;
    if (this.timer === 0) this.timer = setTimeout(() => this.draw(), this.pause);
  }
  draw() {
    const begun = performance.now();
    clearTimeout(this.timer);
    this.timer = 0;
    const text = this.waiting;
    this.waiting = '';
    this.markdown.append(this.calls.push(text));
    this.drawn();
    this.pause = Math.max(shortestPause, 4 * (performance.now() - begun));
  }
  finish() {
    this.draw();
    this.markdown.append(this.calls.finish());
    this.markdown.finish();
    this.drawn();
  }
}

export function showText(element, text) {
  element.replaceChildren();
  const whole = new AnswerText(element);
  whole.waiting = text;
  whole.finish();
}
