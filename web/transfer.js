// Conversations as files: JSON (whole, and back again) and Markdown (what is seen). What comes from a file is rebuilt piece by piece:
// nothing of it is trusted, and one wrong piece refuses the file with the place of the piece.

import { newId } from './store.js';
import { shownPath } from './tree.js';
import { checkSettings } from './settings_table.js';

export const mostImportBytes = 64 * 1024 * 1024;
const format = 'lathe conversations';

// `writing` (store.js) is the browser's own affair.
export const toJson = (conversations) => JSON.stringify({ format, version: 1, conversations: conversations.map(({ writing, ...rest }) => rest) }, null, 1);

// With more backticks than the text has in a row.
function fenced(text) {
  let most = 2;
  for (const [run] of text.matchAll(/`+/g)) most = Math.max(most, run.length);
  const marks = '`'.repeat(most + 1);
  return `${marks}json\n${text}\n${marks}`;
}

export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title.replace(/\s+/g, ' ')}`];
  if (conversation.settings.system) parts.push(`> ${conversation.settings.system.split('\n').join('\n> ')}`);
  for (const lane of conversation.lanes.slice(0, conversation.compare ? 2 : 1)) {
    if (conversation.compare) parts.push(`# ${lane.model}`);
    for (const node of shownPath(lane)) {
      const who = { user: 'You', assistant: lane.model || 'Model', tool: 'Tool' }[node.role];
      const calls = (node.calls ?? []).map((call) => fenced(`${call.name}(${call.arguments})`));
      parts.push(`## ${who}`, ...[node.content, ...calls].filter((text) => text !== ''));
    }
  }
  return `${parts.join('\n\n')}\n`;
}

export function download(name, type, text) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// Letters, their marks and digits only: no path, no hidden file, nothing that turns the reading direction.
export const fileName = (title, ending) => `${[...title.slice(0, 200).replace(/[^\p{L}\p{M}\p{N}]+/gu, '-').replace(/^-/, '')].slice(0, 60).join('').replace(/-$/, '') || 'conversation'}.${ending}`;

// An array of conversations with ids of their own, or an Error that says what is wrong and where.
export function fromJson(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new Error(`The file is not JSON: ${error.message}`);
  }
  if (file?.format !== format || !Array.isArray(file.conversations)) throw new Error('The file holds no conversations of this page (no "format" and "conversations").');
  if (file.version !== 1) throw new Error('The file comes from a newer version of this page.');
  return file.conversations.map((conversation, i) => readConversation(conversation, `conversations[${i}]`));
}

function expect(ok, place, what) {
  if (!ok) throw new Error(`The file is damaged: ${place} is not ${what}.`);
}
const isText = (value) => typeof value === 'string';
const time = (value) => (Number.isFinite(value) && value > 0 && value < 8.64e15 ? value : Date.now());

function readConversation(from, place) {
  expect(from && typeof from === 'object', place, 'a conversation');
  expect(isText(from.title), `${place}.title`, 'text');
  expect(Array.isArray(from.lanes) && from.lanes.length >= 1 && from.lanes.length <= 2, `${place}.lanes`, 'a list of one or two');
  const problem = checkSettings(from.settings ?? {});
  expect(problem === null, `${place}.settings.${problem}`, 'a value of its range');
  return {
    id: newId(),
    title: from.title.slice(0, 200),
    named: from.named === true,
    created: time(from.created),
    updated: time(from.updated),
    settings: { ...from.settings, system: from.settings?.system ?? '' },
    compare: from.compare === true && from.lanes.length === 2,
    tokens: from.tokens === true,
    lanes: from.lanes.map((lane, i) => readLane(lane, `${place}.lanes[${i}]`)),
  };
}

// Every node but the root hangs on an earlier one, so that there can be no ring.
function readLane(from, place) {
  expect(from && isText(from.model) && Array.isArray(from.nodes) && from.nodes.length > 0, place, 'a lane');
  const nodes = from.nodes.map((node, id) => {
    if (node === null && id > 0) return null;
    const at = `${place}.nodes[${id}]`;
    expect(node && typeof node === 'object', at, 'a message');
    const parent = id === 0 ? -1 : node.parent;
    expect(id === 0 || (Number.isInteger(parent) && parent >= 0 && parent < id && from.nodes[parent] !== null), `${at}.parent`, 'an earlier message');
    expect(isText(node.content), `${at}.content`, 'text');
    expect(id === 0 || ['user', 'assistant', 'tool'].includes(node.role), `${at}.role`, 'user, assistant or tool');
    return { id, parent, role: id === 0 ? 'root' : node.role, content: node.content, ...(id === 0 ? {} : { created: time(node.created) }), children: [], shown: 0, ...readExtras(node, at) };
  });
  for (const node of nodes) if (node && node.parent >= 0) nodes[node.parent].children.push(node.id);
  for (const node of nodes) {
    const shown = node ? from.nodes[node.id].shown : 0;
    if (node && Number.isInteger(shown) && shown >= 0 && shown < node.children.length) node.shown = shown;
  }
  return { model: from.model.slice(0, 500), nodes };
}

function readExtras(node, place) {
  const extras = {};
  for (const key of ['finish', 'call']) {
    if (node[key] === undefined || node[key] === null) continue;
    expect(isText(node[key]), `${place}.${key}`, 'text');
    extras[key] = node[key];
  }
  if (node.calls !== undefined) {
    expect(Array.isArray(node.calls) && node.calls.every((call) => call && isText(call.id) && isText(call.name) && isText(call.arguments)), `${place}.calls`, 'a list of calls');
    extras.calls = node.calls.map((call) => ({ id: call.id, name: call.name, arguments: call.arguments }));
  }
  if (node.tokens !== undefined) {
    const entry = (token) => token && isText(token.text) && Number.isFinite(token.logprob) && (token.bytes === undefined || (Array.isArray(token.bytes) && token.bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)));
    expect(Array.isArray(node.tokens) && node.tokens.every((token) => entry(token) && Array.isArray(token.top) && token.top.every(entry)), `${place}.tokens`, 'a list of tokens');
    const plain = ({ text, logprob, bytes }) => ({ text, logprob, bytes });
    extras.tokens = node.tokens.map((token) => ({ ...plain(token), top: token.top.slice(0, 20).map(plain) }));
  }
  if (node.figures && ['tokens', 'first', 'rate'].every((key) => Number.isFinite(node.figures[key]))) {
    extras.figures = { tokens: node.figures.tokens, first: node.figures.first, rate: node.figures.rate };
  }
  return extras;
}
