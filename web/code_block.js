// A block of code: its language, a button that copies it, and its lines in colours. Lines are added once and stay.

import { announce, make } from './dom.js';
import { highlighter } from './highlight.js';
import { restoreCards } from './markdown_inline.js';

export class CodeBlock {
  constructor(language, card) {
    this.card = card;
    this.highlight = highlighter(language);
    this.code = make('code');
    const copy = make('button', { type: 'button', class: 'copy', on: { click: () => copyText(this.code.textContent, copy) } }, 'Copy');
    this.element = make('figure', { class: 'code' }, make('figcaption', {}, make('span', {}, language || 'code'), copy),
      make('pre', { tabindex: '0', role: 'group', 'aria-label': `Code${language ? `, ${language}` : ''}` }, this.code));
  }

  addLine(text, journal) {
    const before = this.highlight.open;
    const pieces = this.highlight.line(restoreCards(text, this.card));
    const line = make('span', {}, ...pieces.map(([kind, piece]) => (kind === '' ? piece : make('span', { class: `code-${kind}` }, piece))), '\n');
    this.code.append(line);
    journal.did(() => {
      line.remove();
      this.highlight.open = before;
    });
  }
}

// Says on the button that it is done. navigator.clipboard is missing on plain http beyond this machine.
export async function copyText(text, button) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    announce('Copied');
    button.classList.add('done');
    setTimeout(() => button.classList.remove('done'), 1500);
  } catch {
    announce('The browser did not allow copying');
  }
}

function copyBySelection(text) {
  const area = make('textarea', { class: 'hidden-text', 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
