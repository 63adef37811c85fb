// Export and import as the buttons do them.

import { toast } from './dialogs.js';
import { loadConversation, saveConversation, visitConversations } from './store.js';
import { download, fileName, fromJson, mostImportBytes, toJson, toMarkdown } from './transfer.js';

export function exportOne(conversation, ending) {
  if (ending === 'md') download(fileName(conversation.title, 'md'), 'text/markdown', toMarkdown(conversation));
  else download(fileName(conversation.title, 'json'), 'application/json', toJson([conversation]));
}

export async function exportAll() {
  const all = [];
  await visitConversations((conversation) => { all.push(conversation); });
  if (all.length === 0) return toast('There is nothing to export');
  return download(fileName('lathe conversations', 'json'), 'application/json', toJson(all));
}

// All of the file or nothing of it. Answers with the id of the newest one.
export async function importFile(file) {
  if (!file) return null;
  try {
    if (file.size > mostImportBytes) throw new Error(`The file is larger than ${mostImportBytes / 1024 / 1024} MB.`);
    const conversations = fromJson(await file.text());
    for (const conversation of conversations) await saveConversation(conversation);
    toast(conversations.length === 1 ? 'One conversation was imported' : `${conversations.length} conversations were imported`);
    const last = conversations.sort((a, b) => b.updated - a.updated)[0];
    return last && (await loadConversation(last.id)) ? last.id : null;
  } catch (error) {
    toast(`Nothing was imported. ${error.message}`);
    return null;
  }
}
