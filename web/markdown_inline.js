// The inside of a paragraph: code, formulas, links, emphasis. parseInline makes a tree of plain objects, buildInline its nodes.
// Both are linear in the text: each search looks only as far as the next sign of its kind.

import { make, safeAddress } from './dom.js';
import { renderTex } from './tex.js';

// Around the number of a card (tool_calls.js) that stands inside the text.
export const cardStart = '\ue000', cardEnd = '\ue001';

const mostDepth = 40;
const plain = /[^\\`*_~$!\[\]<&\nh\ue000]+|h(?!ttps?:\/\/)/y;
const entities = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', copy: '©', hellip: '…', mdash: '—', ndash: '–', times: '×', deg: '°', rarr: '→', larr: '←' };
const dollarMath = /\$(?![\s$])((?:[^$\\]|\\[^])*)(?<!\s)\$(?!\d)/y;
const punctuation = /[\p{P}\p{S}]/u;

// `open`: more text will come, so that emphasis and code without an end are shown as if they ended here.
export function parseInline(text, open = false) {
  const nodes = [], delimiters = [], brackets = [];
  const backticks = findBackticks(text);
  let at = 0, noParen = false, noBracket = false, noDollars = false;
  const put = (value) => {
    const last = nodes[nodes.length - 1];
    if (last?.type === 'text' && !last.fixed) last.value += value;
    else nodes.push({ type: 'text', value });
  };
  const sticky = (pattern) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const run = sticky(plain);
    if (run) {
      put(run[0]);
      at += run[0].length;
      continue;
    }
    const sign = text[at];
    if (sign === '\n') {
      const last = nodes[nodes.length - 1];
      const hard = last?.type === 'text' && last.value.endsWith('  ');
      if (last?.type === 'text' && !last.fixed) last.value = withoutEnd(last.value, ' ');
      if (hard) nodes.push({ type: 'break' });
      else put('\n');
      ++at;
    } else if (sign === '\\') {
      const after = text[at + 1];
      const end = after === '(' && !noParen ? text.indexOf('\\)', at + 2) : after === '[' && !noBracket ? text.indexOf('\\]', at + 2) : -1;
      if (end > 0) {
        nodes.push({ type: 'math', value: text.slice(at + 2, end), display: after === '[' });
        at = end + 2;
        continue;
      }
      if (after === '(') noParen = true;
      if (after === '[') noBracket = true;
      if (after === '\n') nodes.push({ type: 'break' });
      else put(after !== undefined && /[!-/:-@[-`{-~]/.test(after) ? after : after === undefined ? '\\' : `\\${after}`);
      at += 2;
    } else if (sign === '`') {
      const length = sticky(/`+/y)[0].length;
      const runs = backticks.get(length);
      while (runs && runs.starts[runs.at] <= at) ++runs.at;
      const end = runs?.starts[runs.at] ?? (open && text.length - at > length && text.length - at < 400 ? text.length : -1);
      if (end < 0) {
        put('`'.repeat(length));
        at += length;
      } else {
        const code = text.slice(at + length, end).replaceAll('\n', ' ');
        nodes.push({ type: 'code', value: code.startsWith(' ') && code.endsWith(' ') && /[^ ]/.test(code) ? code.slice(1, -1) : code });
        at = end + length;
      }
    } else if (sign === '$') {
      const double = text[at + 1] === '$';
      const end = double && !noDollars ? text.indexOf('$$', at + 2) : -1;
      const found = double ? null : sticky(dollarMath);
      if (end > at + 2) {
        nodes.push({ type: 'math', value: text.slice(at + 2, end), display: true });
        at = end + 2;
      } else if (found) {
        nodes.push({ type: 'math', value: found[1], display: false });
        at += found[0].length;
      } else {
        if (double) noDollars = true;
        put(double ? '$$' : '$');
        at += double ? 2 : 1;
      }
    } else if (sign === '*' || sign === '_' || sign === '~') {
      const marks = /(.)\1*/y;
      marks.lastIndex = at;
      const [whole] = marks.exec(text);
      const before = at > 0 ? text[at - 1] : ' ', after = text[at + whole.length] ?? ' ';
      const left = !/\s/.test(after) && (!punctuation.test(after) || /\s/.test(before) || punctuation.test(before));
      const right = !/\s/.test(before) && (!punctuation.test(before) || /\s/.test(after) || punctuation.test(after));
      const node = { type: 'text', value: whole, fixed: true };
      nodes.push(node);
      if (sign !== '~' || whole.length === 2) {
        delimiters.push({ node, sign, count: whole.length, opens: left && (sign !== '_' || !right || punctuation.test(before)), closes: right && (sign !== '_' || !left || punctuation.test(after)) });
      }
      at += whole.length;
    } else if (sign === '[' || (sign === '!' && text[at + 1] === '[')) {
      const node = { type: 'text', value: sign === '!' ? '![' : '[', fixed: true };
      nodes.push(node);
      brackets.push({ node, delimiters: delimiters.length });
      at += node.value.length;
    } else if (sign === ']') {
      const opener = brackets.pop();
      const target = /\(\s{0,99}(?:<([^<>\n]*)>|((?:[^\s()]|\((?:[^\s()]|\([^\s()]*\))*\))*))(?:\s{1,99}(?:"[^"\n]*"|'[^'\n]*'|\([^()\n]*\)))?\s{0,99}\)/y;
      target.lastIndex = at + 1;
      const found = opener && text[at + 1] === '(' ? target.exec(text) : null;
      if (found) {
        const first = nodes.lastIndexOf(opener.node);
        const inside = nodes.splice(first).slice(1);
        nodes.push({ type: 'link', address: found[1] ?? found[2], children: pairUp(inside, delimiters.splice(opener.delimiters), false), image: opener.node.value === '![' });
        brackets.length = 0;  // no link in a link
        at += 1 + found[0].length;
      } else {
        put(']');
        ++at;
      }
    } else if (sign === '<') {
      const found = sticky(/<((?:https?|mailto):[^\s<>]+)>/y);
      const line = found ? null : sticky(/<br ?\/?>/y);
      if (found) nodes.push({ type: 'link', address: found[1], children: [{ type: 'text', value: found[1] }] });
      else if (line) nodes.push({ type: 'break' });
      else put('<');
      at += (found ?? line)?.[0].length ?? 1;
    } else if (sign === '&') {
      const found = sticky(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/y);
      const code = found ? Number(found[1] ?? (found[2] ? `0x${found[2]}` : NaN)) : NaN;
      const value = found && (found[3] ? (Object.hasOwn(entities, found[3]) ? entities[found[3]] : null) : code > 0 && code < 0x110000 ? String.fromCodePoint(code) : '\ufffd');
      put(value ?? '&');
      at += value ? found[0].length : 1;
    } else if (sign === 'h' && !/\w/.test(text[at - 1] ?? ' ')) {
      let address = withoutEnd(sticky(/https?:\/\/[^\s<>"`\ue000]*/y)[0], '.,;:!?\'*_~');
      const extra = address.split(')').length - address.split('(').length;
      if (extra > 0) address = address.slice(0, Math.max(withoutEnd(address, ')').length, address.length - extra));
      nodes.push({ type: 'link', address, children: [{ type: 'text', value: address }] });
      at += address.length;
    } else if (sign === cardStart) {
      const found = sticky(/\ue000(\d+)\ue001/y);
      if (found) nodes.push({ type: 'card', number: Number(found[1]) });
      at += found?.[0].length ?? 1;
    } else {
      put(sign);
      ++at;
    }
  }
  return pairUp(nodes, delimiters, open);
}

// `text` without those of `signs` that it ends with. Not by a pattern: that would look at long runs again and again.
function withoutEnd(text, signs) {
  let end = text.length;
  while (end > 0 && signs.includes(text[end - 1])) --end;
  return text.slice(0, end);
}

// Where runs of so many backticks begin, by their length; `at` is a cursor, so that all look-ups together are linear.
function findBackticks(text) {
  const places = new Map();
  for (const run of text.matchAll(/`+/g)) {
    if (!places.has(run[0].length)) places.set(run[0].length, { starts: [], at: 0 });
    places.get(run[0].length).starts.push(run.index);
  }
  return places;
}

// CommonMark's pairing of emphasis signs; what stays unpaired is text.
function pairUp(nodes, delimiters, open) {
  if (delimiters.length === 0) return nodes;
  const pairs = [];  // [opener node, closer node, type]: in order from inner to outer
  const stack = [];
  for (const closer of delimiters) {
    while (closer.closes && closer.count > 0) {
      let i = stack.length - 1;
      while (i >= 0 && i >= stack.length - 32 && !(stack[i].sign === closer.sign && stack[i].count > 0 && !((stack[i].closes || closer.opens) && (stack[i].count + closer.count) % 3 === 0 && (stack[i].count % 3 !== 0 || closer.count % 3 !== 0)))) --i;
      if (i < 0 || i < stack.length - 32) break;
      const opener = stack[i];
      stack.length = i + 1;
      const size = opener.count >= 2 && closer.count >= 2 ? 2 : 1;
      if (closer.sign === '~' && size < 2) break;
      pairs.push({ opener, closer, size });
      opener.count -= size;
      closer.count -= size;
      if (opener.count === 0) stack.pop();
    }
    if (closer.opens && closer.count > 0) stack.push(closer);
  }
  if (open) {
    const last = stack.filter((one) => one.sign === '*' && one.count === 2).pop();
    if (last) pairs.push({ opener: last, closer: null, size: 2 });
  }
  return nest(nodes, pairs);
}

function nest(nodes, pairs) {
  const starts = new Map(), ends = new Map();
  let openAtEnd = null;
  for (const pair of pairs) {
    if (!starts.has(pair.opener.node)) starts.set(pair.opener.node, []);
    starts.get(pair.opener.node).unshift(pair);  // the outermost begins first
    if (!pair.closer) { openAtEnd = pair; continue; }
    if (!ends.has(pair.closer.node)) ends.set(pair.closer.node, []);
    ends.get(pair.closer.node).push(pair);
  }
  if (openAtEnd) openAtEnd.opener.count -= openAtEnd.size;
  const used = new Map();
  for (const pair of pairs) for (const side of [pair.opener, pair.closer]) if (side) used.set(side.node, side);
  const root = [];
  const levels = [root];
  const down = (pair) => {
    if (levels.length > mostDepth) return levels.push(levels[levels.length - 1]);
    const node = { type: pair.opener.sign === '~' ? 'del' : pair.size === 2 ? 'strong' : 'em', children: [] };
    levels[levels.length - 1].push(node);
    return levels.push(node.children);
  };
  for (const node of nodes) {
    levels.length -= Math.min(levels.length - 1, ends.get(node)?.length ?? 0);
    const left = used.get(node);
    const rest = left ? left.sign.repeat(left.count) : null;
    if (rest === null) levels[levels.length - 1].push(node);
    else if (rest !== '') levels[levels.length - 1].push({ type: 'text', value: rest });
    for (const pair of starts.get(node) ?? []) down(pair);
  }
  return root;
}

// card(number): the element of a tool call.
export function buildInline(node, card) {
  switch (node.type) {
    case 'text': return document.createTextNode(node.value);
    case 'break': return make('br');
    case 'code': return make('code', {}, restoreCards(node.value, card));
    case 'math': return renderTex(node.value, node.display);
    case 'card': return card(node.number)?.element ?? document.createTextNode('');
    case 'link': return buildLink(node, card);
    default: return make(node.type, {}, ...node.children.map((child) => buildInline(child, card)));
  }
}

// Pictures are not loaded: they are links, too.
function buildLink(node, card) {
  const address = safeAddress(node.address);
  const children = node.children.flatMap((child) => (child.type === 'link' ? child.children : [child])).map((child) => buildInline(child, card));
  if (node.image && children.length === 0) children.push(node.address);
  if (address === null) return make('span', { class: 'dead-link', title: 'An address of this kind is not followed' }, ...children);
  return make('a', { href: address, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...children);
}

// Code shows the marks of a call as they stand.
export const restoreCards = (text, card) => text.replace(/\ue000(\d+)\ue001/g, (_, number) => card(Number(number))?.source ?? '');

// The inside of `leaf` {node, lines, built}, once more: only what differs from the last time is made anew.
export function showInline(leaf, open, card) {
  const wanted = parseInline(leaf.lines.join('\n').trimEnd(), open);
  const old = leaf.built;
  const keys = wanted.map((node) => {
    if (node.type === 'text') return null;
    const key = JSON.stringify(node);
    return key.includes(cardStart) ? key + restoreCards(key, card) : key;  // code that shows a call's text, which still grows
  });
  let same = 0;
  while (same < wanted.length && same < old.length && keys[same] === old[same].key && (keys[same] !== null || old[same].text === wanted[same].value)) ++same;
  if (same < wanted.length && same < old.length && keys[same] === null && old[same].key === null) {
    old[same].node.data = old[same].text = wanted[same].value;
    ++same;
  }
  for (const { node } of old.splice(same)) node.remove();
  for (let i = same; i < wanted.length; ++i) {
    const node = buildInline(wanted[i], card);
    leaf.node.append(node);
    old.push({ key: keys[i], text: wanted[i].value, node });
  }
}
