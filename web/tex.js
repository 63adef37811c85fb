// Formulas: a subset of TeX made into MathML elements, which browsers draw themselves. What is not known stays as text.

import { accents, functionNames, inFace, integrals, isFace, largeOperators, letters, limitNames, operators, spaces, underAccents } from './tex_symbols.js';

const namespace = 'http://www.w3.org/1998/Math/MathML';
const mostDepth = 60, mostLength = 20000;
const closing = ['}', '&', '\\\\', '\\right', '\\end'];  // end what an outer rule began

function math(tag, attributes, ...children) {
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const row = (nodes) => (nodes.length === 1 ? nodes[0] : math('mrow', {}, ...nodes));
const text = (content) => math('mtext', {}, content);
const operator = (sign, attributes = {}) => math('mo', attributes, sign);

// The element of a formula; `display`: a line of its own.
export function renderTex(source, display) {
  const root = math('math', display ? { display: 'block' } : {});
  const body = source.length > mostLength ? [text(source)] : new Parser(source, display).all();
  root.append(math('semantics', {}, math('mrow', {}, ...body), math('annotation', { encoding: 'application/x-tex' }, source)));
  return root;
}

class Parser {
  constructor(source, display) {
    this.tokens = source.match(/\\[a-zA-Z]+\*?|\\[^]|[0-9]+(?:[.,][0-9]+)*|\s+|[^]/gu) ?? [];
    this.at = 0;
    this.display = display;
    this.depth = 0;
    this.face = null;
  }
  peek() {
    while (this.at < this.tokens.length && /^\s/.test(this.tokens[this.at])) ++this.at;
    return this.tokens[this.at];
  }
  next() {
    const token = this.peek();
    ++this.at;
    return token;
  }
  take(token) {
    if (this.peek() !== token) return false;
    ++this.at;
    return true;
  }

  all() {
    const nodes = [];
    while (this.peek() !== undefined) {
      nodes.push(...this.list([]));
      if (this.peek() !== undefined) nodes.push(text(this.next()));
    }
    return nodes;
  }

  // Up to one of `ends` (not taken) or a closing token that an outer rule waits for.
  list(ends) {
    const nodes = [];
    for (;;) {
      const token = this.peek();
      if (token === undefined || ends.includes(token) || closing.includes(token)) return nodes;
      const node = this.scripted();
      if (node) nodes.push(node);
    }
  }

  // An atom with what hangs on it.
  scripted() {
    const token = this.peek();
    let base = ['^', '_', "'"].includes(token) ? math('mrow', {}) : this.atom();
    if (!base) return null;
    let limits = this.display && base.dataset?.limits === 'yes';
    while (this.take('\\limits')) limits = true;
    while (this.take('\\nolimits')) limits = false;
    let below = null, above = null;
    for (;;) {
      if (this.take('_')) below = this.argument();
      else if (this.take('^')) above = above ? row([above, this.argument()]) : this.argument();
      else if (this.take("'")) above = above ? row([above, operator('′')]) : operator('′');
      else break;
    }
    if (base.dataset?.brace) limits = true;
    if (below && above) base = math(limits ? 'munderover' : 'msubsup', {}, base, below, above);
    else if (below) base = math(limits ? 'munder' : 'msub', {}, base, below);
    else if (above) base = math(limits ? 'mover' : 'msup', {}, base, above);
    return base;
  }

  argument() {
    const token = this.peek();
    if (token === undefined || closing.includes(token)) return math('mrow', {});
    if (this.depth >= mostDepth) return text(this.next());
    if (/^[0-9]{2}/.test(token)) {  // x^23 is x^2 3
      this.tokens.splice(this.at, 1, token[0], token.slice(1));
    }
    ++this.depth;
    const node = this.atom() ?? math('mrow', {});
    --this.depth;
    return node;
  }

  group() {  // after its opening brace
    if (++this.depth > mostDepth) {
      const rest = this.tokens.slice(this.at - 1).join('');
      this.at = this.tokens.length;
      --this.depth;
      return text(rest);
    }
    const nodes = [];
    for (;;) {
      nodes.push(...this.list(['}']));
      if (this.peek() === undefined || this.take('}')) break;
      nodes.push(text(this.next()));
    }
    --this.depth;
    return math('mrow', {}, ...nodes);
  }

  // The characters of a group as they stand: for text and names.
  raw() {
    if (!this.take('{')) return this.next() ?? '';
    let open = 1, out = '';
    for (; this.at < this.tokens.length; ++this.at) {
      const token = this.tokens[this.at];
      if (token === '{') ++open;
      if (token === '}' && --open === 0) break;
      out += token === '\\ ' ? ' ' : token;
    }
    ++this.at;
    return out;
  }

  atom() {
    const token = this.next();
    if (token === '{') return this.group();
    if (token.startsWith('\\')) return this.command(token.slice(1));
    if (token === '~') return math('mspace', { width: '0.25em' });
    if (/^[0-9]/.test(token)) return math('mn', {}, this.face ? [...token].map((digit) => inFace(this.face, digit)).join('') : token);
    if (/^\p{L}$/u.test(token)) return math('mi', {}, this.face ? inFace(this.face, token) : token);
    if ('()[]|/'.includes(token)) return operator(token, { stretchy: 'false' });
    return operator(token === '-' ? '−' : token === '*' ? '∗' : token);
  }

  command(name) {
    if (letters.has(name)) return math('mi', {}, letters.get(name));
    if (operators.has(name)) return operator(operators.get(name), /^[lr]?(vert|Vert|angle|floor|ceil|brace|brack)$|^[{}|]$/.test(name) ? { stretchy: 'false' } : {});
    if (spaces.has(name)) return math('mspace', { width: spaces.get(name) });
    if (largeOperators.has(name)) return this.withLimits(operator(largeOperators.get(name), { largeop: this.display ? 'true' : 'false' }));
    if (integrals.has(name)) return operator(integrals.get(name), { largeop: this.display ? 'true' : 'false' });
    if (functionNames.has(name)) return math('mi', { mathvariant: 'normal' }, name);
    if (limitNames.has(name)) return this.withLimits(math('mi', { mathvariant: 'normal' }, name.replace(/^(arg|lim)(...)$/, '$1 $2')));
    if (accents.has(name)) return this.accent('mover', accents.get(name), name === 'overbrace');
    if (underAccents.has(name)) return this.accent('munder', underAccents.get(name), name === 'underbrace');
    if (isFace(name)) return this.inFace(name);
    switch (name) {
      case 'frac': case 'dfrac': case 'tfrac': case 'cfrac': return math('mfrac', {}, this.argument(), this.argument());
      case 'binom': case 'dbinom': case 'tbinom':
        return math('mrow', {}, operator('('), math('mfrac', { linethickness: '0' }, this.argument(), this.argument()), operator(')'));
      case 'sqrt': return this.root();
      case 'text': case 'textbf': case 'textit': case 'textrm': case 'mbox': case 'textsf': case 'texttt': return text(this.raw().replace(/^ | $/g, '\u00a0'));
      case 'mathrm': case 'operatorname': case 'operatorname*': case 'mathit': return this.withLimits(math('mi', { mathvariant: 'normal' }, this.raw().replace(/\\[,;: ]/g, ' ').trim()), name.endsWith('*'));
      case 'left': return this.fence();
      case 'begin': return this.environment();
      case 'overset': case 'stackrel': { const above = this.argument(); return math('mover', {}, this.argument(), above); }
      case 'underset': { const below = this.argument(); return math('munder', {}, this.argument(), below); }
      case 'boxed': case 'fbox': return math('mrow', { class: 'boxed' }, this.argument());
      case 'not': { const node = this.argument(); node.append('\u0338'); return node; }
      case 'pmod': return math('mrow', {}, operator('('), math('mi', { mathvariant: 'normal' }, 'mod'), math('mspace', { width: '0.3em' }), this.argument(), operator(')'));
      case 'bmod': case 'mod': return operator('mod', { lspace: '0.3em', rspace: '0.3em' });
      case 'tag': return math('mrow', {}, math('mspace', { width: '2em' }), text(`(${this.raw()})`));
      case 'displaystyle': case 'textstyle': case 'big': case 'Big': case 'bigg': case 'Bigg': case 'bigl': case 'bigr': case 'Bigl': case 'Bigr': case 'biggl': case 'biggr': case 'nonumber': case 'hline': case 'middle': return null;
      case 'label': this.raw(); return null;
      case '%': case '$': case '#': case '_': case '&': return operator(name);
      default: return text(`\\${name}`);
    }
  }

  withLimits(node, take = true) {
    if (take) node.setAttribute('data-limits', 'yes');
    return node;
  }
  accent(tag, sign, brace) {
    const node = math(tag, brace ? {} : { [tag === 'mover' ? 'accent' : 'accentunder']: 'true' }, this.argument(), operator(sign, { stretchy: brace || sign === '¯' || sign === '_' || sign === '→' ? 'true' : 'false' }));
    if (brace) node.setAttribute('data-brace', 'yes');
    return node;
  }
  inFace(name) {
    const outer = this.face;
    this.face = name;
    const node = this.argument();
    this.face = outer;
    return node;
  }
  root() {
    if (!this.take('[')) return math('msqrt', {}, this.argument());
    const degree = this.list([']']);
    this.take(']');
    return math('mroot', {}, this.argument(), row(degree));
  }

  delimiter() {
    const token = this.next() ?? '.';
    if (token === '.') return null;
    const sign = token.startsWith('\\') ? operators.get(token.slice(1)) ?? token.slice(1) : token;
    return operator(sign, { stretchy: 'true', fence: 'true' });
  }
  fence() {
    if (++this.depth > mostDepth) return text('\\left');
    const nodes = [this.delimiter(), ...this.list([])];
    while (['&', '\\\\'].includes(this.peek())) {
      this.next();
      nodes.push(...this.list([]));
    }
    if (this.take('\\right')) nodes.push(this.delimiter());
    --this.depth;
    return math('mrow', {}, ...nodes.filter((node) => node !== null));
  }

  environment() {
    const name = this.raw().replace('*', '');
    if (++this.depth > mostDepth) return text(`\\begin{${name}}`);
    const fences = { pmatrix: ['(', ')'], bmatrix: ['[', ']'], vmatrix: ['|', '|'], Vmatrix: ['‖', '‖'], Bmatrix: ['{', '}'], cases: ['{', null] }[name] ?? [null, null];
    if (name === 'array' && this.peek() === '{') this.raw();
    const table = math('mtable', { class: `tex-${/^(align|aligned|split|gather|gathered|cases)$/.test(name) ? name.replace(/ed$/, '') : 'matrix'}` });
    let line = math('mtr', {});
    for (;;) {
      const cell = math('mtd', {}, ...this.list([]));
      line.append(cell);
      if (this.take('&')) continue;
      const more = this.take('\\\\');
      if (more && this.take('[')) while (this.peek() !== undefined && !this.take(']')) this.next();
      if (line.childElementCount > 1 || cell.childElementCount > 0) table.append(line);
      line = math('mtr', {});
      if (!more) break;
    }
    if (this.take('\\end')) this.raw();
    --this.depth;
    const [open, close] = fences;
    return math('mrow', {}, ...[open && operator(open, { fence: 'true' }), table, close && operator(close, { fence: 'true' })].filter((node) => node));
  }
}
