// An answer token by token: coloured by probability; a token that is pointed at or has the focus shows what else could have stood
// there, and each alternative begins a branch. One stop of the Tab key; arrows go from token to token.

import { make } from './dom.js';
import { alternativeText, endsAnswer } from './token_text.js';

const levels = [0.9, 0.6, 0.3, 0.1];  // classes p0 (surest) to p4
const percent = (logprob) => {
  const share = 100 * Math.exp(logprob);
  return share >= 99.95 ? '100 %' : share >= 0.1 ? `${share.toFixed(1)} %` : '< 0.1 %';
};
const visible = (text) => (text === '' ? '(nothing)' : text.replaceAll('\n', '⏎').replaceAll('\t', '⇥').replace(/^ +| +$/g, (blanks) => '·'.repeat(blanks.length)));

export class TokenView {
  // branch(index, alternative): asked for by a click on an alternative.
  constructor(element, node, branch) {
    this.node = node;
    this.branch = branch;
    this.list = make('div', { class: 'tokens', role: 'listbox', 'aria-label': 'Tokens of the answer: arrow keys go from one to the next, Enter opens the alternatives', 'aria-orientation': 'horizontal' });
    this.box = null;
    this.shown = 0;
    const said = (node.tokens ?? []).map((token) => token.text).join('');
    const before = node.content.endsWith(said) ? node.content.slice(0, node.content.length - said.length) : '';
    element.replaceChildren(...(before === '' ? [] : [make('div', { class: 'untold', title: 'No probabilities are known of this part' }, before)]), this.list);
    this.list.addEventListener('keydown', (event) => this.key(event));
    for (const kind of ['mouseover', 'focusin', 'click']) this.list.addEventListener(kind, (event) => this.point(event));
    this.list.addEventListener('mouseleave', (event) => { if (!this.box?.contains(event.relatedTarget) && !this.list.contains(document.activeElement)) this.hide(); });
    this.list.addEventListener('focusout', (event) => this.left(event));
    this.update();
  }

  // Takes in tokens that came since the last time.
  update() {
    const { tokens } = this.node;
    for (; this.shown < tokens.length; ++this.shown) {
      const token = tokens[this.shown], share = Math.exp(token.logprob);
      const level = levels.findIndex((bound) => share >= bound);
      this.list.append(make('span', { class: `token p${level < 0 ? 4 : level}`, role: 'option', 'aria-selected': 'false', 'aria-label': `${visible(token.text)}, ${percent(token.logprob)}`, tabindex: this.shown === 0 ? '0' : '-1', 'data-at': String(this.shown) }, token.text));
    }
  }

  point(event) {
    const target = event.target.closest('.token');
    if (!target || (event.type === 'mouseover' && this.box?.contains(document.activeElement))) return;
    this.show(target);
    if (event.type === 'click') this.focus(target);
  }
  focus(target) {
    for (const one of this.list.querySelectorAll('[tabindex="0"]')) one.tabIndex = -1;
    target.tabIndex = 0;
    target.focus();
  }
  key(event) {
    const target = event.target.closest('.token');
    if (!target) return;
    const tokens = this.list.children;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.focus(tokens[Math.max(0, Math.min(tokens.length - 1, Number(target.dataset.at) + step))]);
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      this.show(target);
      this.box.querySelector('button:not(:disabled)')?.focus();
    } else if (event.key === 'Escape' && this.box) {
      event.stopPropagation();
      this.hide();
    }
  }

  show(target) {
    if (this.box?.dataset.at === target.dataset.at) return;
    this.hide();
    const at = Number(target.dataset.at), token = this.node.tokens[at];
    target.setAttribute('aria-selected', 'true');
    this.box = make('div', { class: 'alternatives', role: 'group', 'aria-label': 'Alternatives', 'data-at': String(at) },
      make('p', {}, make('code', {}, visible(token.text)), ` ${percent(token.logprob)}`),
      ...token.top.map((other) => this.choice(at, token, other)));
    this.box.addEventListener('keydown', (event) => this.boxKey(event, target));
    this.box.addEventListener('focusout', (event) => this.left(event));
    this.box.addEventListener('mouseleave', () => { if (!this.box?.contains(document.activeElement)) this.hide(); });
    this.list.after(this.box);
    const place = target.getClientRects()[0] ?? target.getBoundingClientRect(), frame = this.list.offsetParent.getBoundingClientRect();
    this.box.style.left = `${Math.max(0, Math.min(place.left - frame.left, frame.width - this.box.offsetWidth))}px`;
    // Above the token where there is no room below it.
    const seen = this.list.closest('.thread')?.getBoundingClientRect(), height = this.box.offsetHeight;
    const above = seen && place.bottom + height > seen.bottom && place.top - height >= seen.top;
    this.box.style.top = `${above ? place.top - frame.top - height : place.bottom - frame.top}px`;
  }
  choice(at, token, other) {
    const text = alternativeText(this.node, at, other);
    const same = other.text === token.text;
    const bar = make('span', { class: 'share', 'aria-hidden': 'true' });
    bar.style.setProperty('--share', `${Math.max(1, 100 * Math.exp(other.logprob)).toFixed(1)}%`);
    const title = same ? 'The token of this answer' : text === null && !endsAnswer(other) ? 'Part of a character: no text can go on from it' : endsAnswer(other) ? 'The answer would end here' : 'Go on from this token in a branch';
    return make('button', { type: 'button', title, disabled: same || (text === null && !endsAnswer(other)), on: { click: () => {
      this.hide();
      this.branch(at, other);
    } } }, make('code', {}, visible(other.text)), make('span', {}, percent(other.logprob)), bar);
  }
  boxKey(event, target) {
    const buttons = [...this.box.querySelectorAll('button:not(:disabled)')];
    const at = buttons.indexOf(document.activeElement);
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      buttons[(at + (event.key === 'ArrowDown' ? 1 : buttons.length - 1)) % buttons.length]?.focus();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      this.focus(target);
      this.hide();
    }
  }
  // The focus has gone to something else on the page.
  left({ relatedTarget }) {
    if (relatedTarget && !this.list.contains(relatedTarget) && !this.box?.contains(relatedTarget)) this.hide();
  }
  hide() {
    this.list.querySelector('[aria-selected="true"]')?.setAttribute('aria-selected', 'false');
    this.box?.remove();
    this.box = null;
  }
}
