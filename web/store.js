// Conversations in IndexedDB. Heads (what the sidebar needs) are kept apart from whole conversations, so that hundreds of them are
// listed at once. Where the browser keeps nothing (private windows, full storage) the page goes on in memory and says so.

let database = null;
const memory = new Map();
let onTrouble = () => {};
const channel = 'BroadcastChannel' in window ? new BroadcastChannel('lathe') : null;

// Not crypto.randomUUID: that is missing on plain http beyond this machine.
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

// The head has the last word on what it holds: names are given there, and `writing` names the last writing of the whole.
const headOf = ({ id, title, named, created, updated, writing }) => ({ id, title, named, created, updated, writing });
const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

// trouble(text): called when something can't be kept. changed(id): another window has written.
export async function openStore(trouble, changed) {
  onTrouble = trouble;
  if (channel) channel.onmessage = (event) => changed(event.data);
  try {
    const request = indexedDB.open('lathe', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('conversations', { keyPath: 'id' });
      request.result.createObjectStore('heads', { keyPath: 'id' });
    };
    database = await settled(request);
    database.onversionchange = () => database.close();
  } catch (error) {
    onTrouble(`This browser keeps nothing for this page (${error.name}): conversations are lost when it is closed.`);
  }
}

function begin(mode) {
  const transaction = database.transaction(['conversations', 'heads'], mode);
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
  });
  done.catch(() => {});  // who waits for it is told; a request that failed was told of before
  return { whole: transaction.objectStore('conversations'), heads: transaction.objectStore('heads'), done };
}

// Newest first.
export async function listHeads() {
  const heads = new Map([...memory.values()].map((conversation) => [conversation.id, headOf(conversation)]));
  if (database) for (const head of await settled(begin('readonly').heads.getAll())) if (!heads.has(head.id)) heads.set(head.id, head);
  return [...heads.values()].sort((a, b) => b.updated - a.updated);
}

export async function loadConversation(id) {
  if (memory.has(id)) return structuredClone(memory.get(id));
  if (!database) return undefined;
  const { whole, heads } = begin('readonly');
  const [conversation, head] = await Promise.all([settled(whole.get(id)), settled(heads.get(id))]);
  return conversation && { ...conversation, ...head };
}

function tell(error) {
  if (!database) return;
  const full = error.name === 'QuotaExceededError';
  onTrouble(`${full ? "The browser's storage is full" : `The browser could not keep this (${error.message})`}: what is new is lost when the page is closed. Export it, or delete conversations.`);
}

// Keeps the whole under the head that nextHead(the head that stands, if any) gives, and answers with the head's writing; null: nothing is kept.
async function keep(conversation, nextHead) {
  try {
    if (!database) throw new Error('no storage');
    const { whole, heads, done } = begin('readwrite');
    const head = nextHead(await settled(heads.get(conversation.id)));
    if (head) {
      whole.put(conversation);
      heads.put(head);
      await done;
      channel?.postMessage(conversation.id);
    }
    memory.delete(conversation.id);
    return head?.writing ?? null;
  } catch (error) {
    memory.set(conversation.id, structuredClone(conversation));
    tell(error);
    return conversation.writing;
  }
}

// `conversation.writing` is the writing that this state has grown from. The answer is the new one, or null where another window has written
// in the meantime: nothing is kept then.
export const saveConversation = (conversation) => keep(conversation, (head) => (head && head.writing !== conversation.writing ? null
  : { ...headOf(conversation), ...(head?.named ? { title: head.title, named: true } : {}), writing: newId() }));

// As it was before it was deleted, for windows that still show it, too; unless one of them has written it again.
export const restoreConversation = (conversation) => keep(conversation, (head) => (head ? null : headOf(conversation)));

export async function renameConversation(id, title) {
  const name = { title, named: true };
  if (memory.has(id)) Object.assign(memory.get(id), name);
  if (!database) return;
  try {
    const { heads, done } = begin('readwrite');
    const head = await settled(heads.get(id));
    if (!head) return;
    heads.put({ ...head, ...name });
    await done;
    channel?.postMessage(id);
  } catch (error) {
    tell(error);
  }
}

export async function deleteConversation(id) {
  memory.delete(id);
  if (!database) return;
  const { whole, heads, done } = begin('readwrite');
  whole.delete(id);
  heads.delete(id);
  await done;
  channel?.postMessage(id);
}

// One after the other, so that not all are in memory at a time: visit(conversation) answers false to end.
export async function visitConversations(visit) {
  for (const head of await listHeads()) {
    const conversation = memory.get(head.id) ?? (await settled(begin('readonly').whole.get(head.id)));
    if (conversation && visit({ ...conversation, ...head }) === false) return;
  }
}
