// A lane: the tree of messages that one model has answered. nodes[0] is the root, a node's id is its place in `nodes`; each
// node shows one of its children, and the shown ones from the root on are the conversation that is seen and sent.

export const makeLane = (model = '') => ({ model, nodes: [{ id: 0, parent: -1, role: 'root', content: '', children: [], shown: 0 }] });

export function addNode(lane, parent, fields) {
  const node = { id: lane.nodes.length, parent: parent.id, content: '', created: Date.now(), children: [], shown: 0, ...fields };
  lane.nodes.push(node);
  parent.children.push(node.id);
  parent.shown = parent.children.length - 1;
  return node;
}

// Takes a node without children away again; its place stays empty.
export function removeNode(lane, node) {
  const parent = lane.nodes[node.parent];
  parent.children = parent.children.filter((id) => id !== node.id);
  parent.shown = Math.max(0, Math.min(parent.shown, parent.children.length - 1));
  lane.nodes[node.id] = null;
}

// From the root's child to the last one shown.
export function shownPath(lane) {
  const path = [];
  for (let node = lane.nodes[0]; node.children.length > 0;) {
    node = lane.nodes[node.children[node.shown]];
    path.push(node);
  }
  return path;
}

// From the root's child to `node`.
export function pathTo(lane, node) {
  const path = [];
  for (; node.parent >= 0; node = lane.nodes[node.parent]) path.unshift(node);
  return path;
}

export const parentOf = (lane, node) => lane.nodes[node.parent];

export function branchOf(lane, node) {
  const { children } = parentOf(lane, node);
  return { index: children.indexOf(node.id), count: children.length };
}

export function showBranch(lane, node, step) {
  const parent = parentOf(lane, node);
  parent.shown = Math.max(0, Math.min(parent.children.length - 1, parent.children.indexOf(node.id) + step));
}

// The results of tools that follow `node` and are shown.
export function resultsOf(lane, node) {
  const results = [];
  for (let last = node; last.children.length > 0; results.push(last)) {
    last = lane.nodes[last.children[last.shown]];
    if (last.role !== 'tool') break;
  }
  return results;
}

// Calls of `node` that wait for an answer: none when the conversation has gone on.
export function openCalls(lane, node) {
  const results = resultsOf(lane, node);
  const last = results[results.length - 1] ?? node;
  return last.children.length > 0 ? [] : (node.calls ?? []).filter((call) => !results.some((result) => result.call === call.id));
}

// What a request sends: `path` without answers that said nothing.
export function asMessages(path, system) {
  const messages = system.trim() === '' ? [] : [{ role: 'system', content: system }];
  for (const node of path) {
    if (node.role === 'tool') messages.push({ role: 'tool', tool_call_id: node.call, content: node.content });
    else if (node.role === 'user') messages.push({ role: 'user', content: node.content });
    else if (node.calls?.length) {
      messages.push({ role: 'assistant', content: node.content, tool_calls: node.calls.map(({ id, name, arguments: given }) => ({ id, type: 'function', function: { name, arguments: given } })) });
    } else if (node.content.trim() !== '') messages.push({ role: 'assistant', content: node.content });
  }
  return messages;
}
