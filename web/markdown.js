// Markdown that arrives piece by piece, made into elements. Whole lines are read once and change only what is open at the end; the
// line under way is read as far as it has come and taken back when more of it arrives. So the cost is linear in the text and what
// stands above is never touched again.

import { make } from './dom.js';
import { CodeBlock } from './code_block.js';
import { Journal } from './journal.js';
import { buildInline, parseInline, showInline } from './markdown_inline.js';
import { splitCells, tableAligns } from './markdown_table.js';
import { renderTex } from './tex.js';

const mostDepth = 16;
const bullet = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)/;
const rule = /^ {0,3}([-*_])(?: *\1){2,} *$/;
// Each of these looks at no sign of the line more than a few times, whatever the line is.
const heading = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const fence = /^( {0,3})(`{3,}|~{3,}(?!~))([^`]*)$/;
// A line that has come only so far could still become many things: it waits.
const undecided = /^\s*(?:[-*+_=#>|`~$]+\s*|\d{1,9}[.)]?\s*|\\|[-*+] \[[ x]?\]?)$/i;

// A heading's text without the signs that may end it, too.
function headingText(given) {
  const text = given.trim();
  let end = text.length;
  while (end > 0 && text[end - 1] === '#') --end;
  return end === 0 || /\s/.test(text[end - 1]) ? text.slice(0, end).trimEnd() : text;
}
const indentOf = (line) => /^ */.exec(line)[0].length;
const isBlank = (line) => line.trim() === '';

export class MarkdownStream {
  // card(number): {element, source} of the cards in the text.
  constructor(root, card = () => null) {
    this.card = card;
    this.stack = [{ type: 'root', node: root }];
    this.leaf = null;
    this.line = '';       // the line under way
    this.journal = new Journal();  // open while the line under way is read
    this.stale = new Set();
  }

  append(text) {
    this.journal.takeBack();
    let from = 0;
    for (let end; (end = text.indexOf('\n', from)) >= 0; from = end + 1) {
      this.read(this.line + text.slice(from, end));
      this.line = '';
    }
    this.line += text.slice(from);
    if (this.line !== '') this.readTentatively();
    this.renderStale(true);
  }

  finish() {
    this.journal.takeBack();
    if (this.line !== '') this.read(this.line);
    this.line = '';
    this.closeTo(1);
    this.renderStale(false);
  }

  readTentatively() {
    if (this.leaf?.type !== 'code' && undecided.test(this.line)) return;
    this.journal.begin();
    this.read(this.line);
  }
  top() {
    return this.stack[this.stack.length - 1];
  }
  closeTo(size) {
    this.closeLeaf();
    while (this.stack.length > size) this.journal.pop(this.stack);
  }
  closeLeaf() {
    const leaf = this.leaf;
    if (!leaf) return;
    if (leaf.type === 'math') this.giveUpMath(leaf);
    if (leaf.type === 'paragraph' && leaf.open) {
      this.journal.set(leaf, 'open', false);
      this.markStale(leaf);
    }
    this.journal.set(this, 'leaf', null);
  }
  markStale(leaf) {
    this.stale.add(leaf);
    this.journal.did(() => this.stale.add(leaf));
  }

  read(given) {
    let line = given.replace(/\r$/, '').replace(/\t/g, '    ');
    let depth = 1;
    for (; depth < this.stack.length; ++depth) {
      const container = this.stack[depth];
      if (container.type === 'quote') {
        const mark = /^ {0,3}> ?/.exec(line);
        if (!mark) break;
        line = line.slice(mark[0].length);
      } else if (container.type === 'item') {
        if (isBlank(line)) continue;
        if (indentOf(line) < container.width) break;
        line = line.slice(container.width);
      }
    }
    // A list goes on only with one of its items.
    while (depth > 1 && depth < this.stack.length && this.stack[depth - 1].type === 'list' && !this.nextItem(this.stack[depth - 1], line)) --depth;
    if (depth === this.stack.length && this.inLeaf(line)) return;
    if (depth < this.stack.length && this.leaf?.type === 'paragraph' && !isBlank(line) && this.stack[depth - 1].type !== 'list' && !this.beginsBlock(line)) {
      this.addToParagraph(line.trimStart());
      return;
    }
    if (depth < this.stack.length) this.closeTo(depth);
    this.readBlock(line);
  }

  nextItem(list, line) {
    const mark = bullet.exec(line);
    return mark && !rule.test(line) && list.kind === mark[2].slice(-1);
  }

  // Lines that code and formulas take as they are. True: taken.
  inLeaf(line) {
    const leaf = this.leaf;
    if (leaf?.type === 'code') {
      const end = /^ {0,3}(`{3,}|~{3,}) *$/.exec(line);
      if (end && end[1][0] === leaf.mark[0] && end[1].length >= leaf.mark.length) this.closeLeaf();
      else leaf.block.addLine(line.slice(Math.min(leaf.indent, indentOf(line))), this.journal);
      return true;
    }
    if (leaf?.type !== 'math') return false;
    if (isBlank(line)) {
      this.closeLeaf();
      return false;
    }
    this.journal.push(leaf.lines, line);
    if (line.trimEnd().endsWith(leaf.end)) {
      this.journal.replace(leaf.node, renderBlockMath(leaf.lines.join('\n').trim().slice(2, -2)));
      this.journal.set(this, 'leaf', null);
    } else this.journal.attach(leaf.node, document.createTextNode(`\n${line}`));
    return true;
  }
  // A formula that never ended is text.
  giveUpMath(leaf) {
    const node = make('p');
    this.journal.replace(leaf.node, node);
    this.markStale({ type: 'paragraph', node, lines: leaf.lines, open: false, built: [] });
  }

  beginsBlock(line) {
    const mark = bullet.exec(line);
    return /^ {0,3}>/.test(line) || rule.test(line) || heading.test(line) || fence.test(line) || (mark && line.trim() !== mark[2] && (!/^\d/.test(mark[2]) || parseInt(mark[2], 10) === 1 || this.stack.length > 1));
  }

  readBlock(given) {
    let line = given;
    if (isBlank(line)) {
      this.closeLeaf();
      const inner = this.stack.filter((container) => container.type === 'item').pop();
      if (inner) this.journal.set(inner, 'blank', true);
      return;
    }
    for (;;) {
      const quote = /^ {0,3}> ?/.exec(line);
      const mark = rule.test(line) ? null : bullet.exec(line);
      if (this.stack.length > 2 * mostDepth) break;
      if (quote) {
        this.closeLeaf();
        this.leaveList();
        this.noteLoose();
        this.journal.push(this.stack, { type: 'quote', node: this.journal.attach(this.top().node, make('blockquote')) });
        line = line.slice(quote[0].length);
      } else if (mark && !(this.leaf?.type === 'paragraph' && !this.beginsBlock(line))) {
        this.closeLeaf();
        this.beginItem(mark);
        line = line.slice(Math.min(line.length, this.top().width));
        const task = /^\[([ xX])\] /.exec(line);
        if (task) {
          this.journal.attach(this.top().node, make('span', { class: 'task', role: 'img', 'aria-label': task[1] === ' ' ? 'to do' : 'done' }, task[1] === ' ' ? '☐' : '☑'));
          line = line.slice(4);
        }
      } else break;
      if (isBlank(line)) return;
    }
    this.readLeaf(line);
  }

  beginItem([, indent, sign, gap]) {
    const kind = sign.slice(-1), ordered = kind === '.' || kind === ')';
    let list = this.top();
    if (list.type !== 'list' || list.kind !== kind) {
      this.leaveList();
      this.noteLoose();
      const start = ordered ? parseInt(sign, 10) : 1;
      const node = this.journal.attach(this.top().node, make(ordered ? 'ol' : 'ul', { class: 'tight', start: ordered && start !== 1 ? start : null }));
      list = { type: 'list', kind, node, last: null };
      this.journal.push(this.stack, list);
    } else if (list.last?.blank) {
      this.loosen(list);
    }
    const item = { type: 'item', node: this.journal.attach(list.node, make('li')), list, blank: false, width: indent.length + sign.length + (gap.length >= 1 && gap.length <= 4 ? gap.length : 1) };
    this.journal.set(list, 'last', item);
    this.journal.push(this.stack, item);
  }
  leaveList() {
    if (this.top().type === 'list') this.journal.pop(this.stack);
  }
  noteLoose() {
    const item = this.top();
    if (item.type === 'item' && item.blank && item.node.childElementCount > 0) this.loosen(item.list);
  }
  loosen(list) {
    if (!list.node.classList.contains('tight')) return;
    list.node.classList.remove('tight');
    this.journal.did(() => list.node.classList.add('tight'));
  }

  readLeaf(line) {
    const paragraph = this.leaf?.type === 'paragraph' ? this.leaf : null;
    const code = fence.exec(line), title = heading.exec(line);
    const formula = /^ {0,3}(\$\$|\\\[)(.*)$/.exec(line);
    if (paragraph) {
      if (this.leaf.table) return this.addRow(paragraph, line);
      const underline = /^ {0,3}(=+|-+) *$/.exec(line);
      if (underline && !this.journal.open) return this.makeHeading(paragraph, underline[1][0] === '=' ? 1 : 2);
      const aligns = tableAligns(line);
      if (aligns && splitCells(paragraph.lines[paragraph.lines.length - 1]).length === aligns.length) return this.beginTable(paragraph, aligns);
    }
    if (!paragraph && !this.leaf) this.leaveList();
    if (rule.test(line) || title || code || formula) {
      this.closeLeaf();
      this.leaveList();
      this.noteLoose();
    }
    if (rule.test(line)) return void this.journal.attach(this.top().node, make('hr'));
    if (title) {
      const node = this.journal.attach(this.top().node, make(`h${title[1].length}`));
      return this.markStale({ type: 'paragraph', node, lines: [headingText(title[2] ?? '')], open: this.journal.open, built: [] });
    }
    if (code) {
      const block = new CodeBlock(code[3].trim().split(/[\s{,]/)[0], this.card);
      this.journal.attach(this.top().node, block.element);
      return this.journal.set(this, 'leaf', { type: 'code', block, mark: code[2], indent: code[1].length });
    }
    if (formula) return this.beginMath(formula, line);
    if (paragraph) return this.addToParagraph(line.trimStart());
    this.noteLoose();
    const node = this.journal.attach(this.top().node, make('p'));
    const leaf = { type: 'paragraph', node, lines: [line.trimStart()], open: true, built: [], table: null };
    this.journal.set(this, 'leaf', leaf);
    return this.markStale(leaf);
  }

  addToParagraph(line) {
    const leaf = this.leaf;
    if (leaf.table) {
      this.closeLeaf();
      return this.readLeaf(line);
    }
    this.journal.push(leaf.lines, line);
    return this.markStale(leaf);
  }
  makeHeading(leaf, level) {
    const node = make(`h${level}`, {}, ...leaf.node.childNodes);
    leaf.node.replaceWith(node);
    leaf.node = node;
    this.closeLeaf();
  }

  beginMath([, sign, rest], line) {
    const end = sign === '$$' ? '$$' : '\\]';
    const at = rest.indexOf(end);
    if (at >= 0 && rest.slice(at + 2).trim() === '') return void this.journal.attach(this.top().node, renderBlockMath(rest.slice(0, at)));
    if (at >= 0) {  // text goes on behind it: a paragraph that holds a formula
      const leaf = { type: 'paragraph', node: this.journal.attach(this.top().node, make('p')), lines: [line.trimStart()], open: true, built: [], table: null };
      this.journal.set(this, 'leaf', leaf);
      return this.markStale(leaf);
    }
    const node = this.journal.attach(this.top().node, make('pre', { class: 'formula' }, line));
    return this.journal.set(this, 'leaf', { type: 'math', node, lines: [line], end });
  }

  beginTable(leaf, aligns) {
    const header = leaf.lines[leaf.lines.length - 1];
    const body = make('tbody');
    const table = make('table', {}, make('thead', {}, this.tableRow('th', header, aligns)), body);
    const box = make('div', { class: 'table', tabindex: '0', role: 'group', 'aria-label': 'Table' }, table);
    if (leaf.lines.length > 1) {
      const lines = leaf.lines.slice(0, -1);
      this.journal.set(leaf, 'lines', lines);
      this.closeLeaf();
      this.journal.attach(this.top().node, box);
    } else {
      this.journal.replace(leaf.node, box);
      this.stale.delete(leaf);
    }
    this.journal.set(this, 'leaf', { type: 'paragraph', table: { body, aligns }, node: box, lines: [], open: false });
  }
  addRow(leaf, line) {
    if (!line.includes('|') && this.beginsBlock(line)) {
      this.closeLeaf();
      return this.readLeaf(line);
    }
    return void this.journal.attach(leaf.table.body, this.tableRow('td', line, leaf.table.aligns));
  }
  tableRow(tag, line, aligns) {
    const cells = splitCells(line);
    return make('tr', {}, ...aligns.map((align, i) => make(tag, { class: align, scope: tag === 'th' ? 'col' : null }, ...parseInline(cells[i] ?? '').map((node) => buildInline(node, this.card)))));
  }

  renderStale(streaming) {
    for (const leaf of this.stale) showInline(leaf, streaming && leaf.open, this.card);
    this.stale.clear();
  }
}

const renderBlockMath = (source) => make('div', { class: 'formula', tabindex: '0', role: 'group', 'aria-label': 'Formula' }, renderTex(source.trim(), true));
