// The list of conversations: searched by title and text, renamed in place, deleted with a way back.

import { iconButton, make } from './dom.js';
import { toast } from './dialogs.js';
import { deleteConversation, listHeads, loadConversation, renameConversation, restoreConversation, visitConversations } from './store.js';

const day = 86400000;

function ageOf(time) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  if (time >= midnight) return 'Today';
  if (time >= midnight - day) return 'Yesterday';
  if (time >= midnight - 7 * day) return 'Last 7 days';
  return time >= midnight - 30 * day ? 'Last 30 days' : 'Older';
}

const says = (conversation, words) => {
  const text = [conversation.title, ...conversation.lanes.flatMap((lane) => lane.nodes.map((node) => node?.content ?? ''))].join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
};

export class Sidebar {
  // open(id), gone(id), renamed(id, title): the page's part. gone() resolves when nothing of the conversation is written any more.
  constructor(list, search, page) {
    this.list = list;
    this.search = search;
    this.page = page;
    this.current = '';
    this.turn = 0;  // a later drawing wins over an earlier one that still reads
    this.drawn = '';  // what the list shows
    search.addEventListener('input', () => this.draw());
    search.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && search.value !== '') {
        event.stopPropagation();
        search.value = '';
        this.draw();
      } else if (event.key === 'ArrowDown') {
        event.preventDefault();
        this.list.querySelector('.open')?.focus();
      }
    });
    list.addEventListener('keydown', (event) => this.key(event));
  }

  async draw(current = this.current) {
    this.current = current;
    const turn = ++this.turn;
    const words = this.search.value.toLowerCase().split(/\s+/).filter((word) => word !== '');
    let heads = await listHeads();
    if (words.length > 0) {
      const found = new Set();
      await visitConversations((conversation) => {
        if (says(conversation, words)) found.add(conversation.id);
        return turn === this.turn;
      });
      heads = heads.filter((head) => found.has(head.id));
    }
    if (turn !== this.turn || this.list.querySelector('.rename-box')) return;  // a title that is being typed stays; its end draws
    const list = heads.map((head) => [ageOf(head.updated), head.id, head.title]);
    const seen = JSON.stringify([this.current, words.length > 0, list]);
    if (seen === this.drawn) return;  // buttons that are being pressed stay: every few words of an answer are saved
    this.drawn = seen;
    const focused = document.activeElement?.closest('.conversation')?.dataset.id;
    const items = [];
    for (const [i, [age, id, title]] of list.entries()) {
      if (age !== list[i - 1]?.[0]) items.push(make('h2', {}, age));
      items.push(this.item(id, title));
    }
    if (heads.length === 0) items.push(make('p', { class: 'hint' }, words.length > 0 ? 'Nothing found' : 'Conversations are kept here, in this browser.'));
    this.list.replaceChildren(...items);
    if (focused) this.list.querySelector(`[data-id="${CSS.escape(focused)}"] .open`)?.focus();
  }

  item(id, title) {
    const open = make('button', { type: 'button', class: 'open', 'aria-current': id === this.current ? 'page' : null, title, on: { click: () => this.page.open(id) } }, title);
    return make('div', { class: 'conversation', 'data-id': id }, open,
      iconButton('edit', `Rename ${title}`, () => this.rename(id), { class: 'icon rename' }),
      iconButton('remove', `Delete ${title}`, () => this.remove(id), { class: 'icon delete' }));
  }

  key(event) {
    const row = event.target.closest('.conversation');
    if (!row || event.target.tagName === 'INPUT') return;
    const rows = [...this.list.querySelectorAll('.conversation')];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      rows[rows.indexOf(row) + step]?.querySelector('.open').focus();
    } else if (event.key === 'F2') this.rename(row.dataset.id);
    else if (event.key === 'Delete') this.remove(row.dataset.id);
  }

  // For whoever draws the list afterwards.
  async name(id, title) {
    this.page.renamed(id, title);
    await renameConversation(id, title);
  }

  rename(id) {
    const row = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    const open = row?.querySelector('.open');
    if (!open) return;
    const input = make('input', { class: 'rename-box', 'aria-label': 'Title', maxlength: '200' });
    input.value = open.textContent;
    let over = false;
    const done = async (keep) => {
      if (over) return;
      over = true;
      const title = input.value.trim();
      if (keep && title !== '' && title !== open.textContent) await this.name(id, title);
      input.replaceWith(open);
      open.focus();
      await this.draw();
    };
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== 'Escape') return;
      event.stopPropagation();
      event.preventDefault();
      done(event.key === 'Enter');
    });
    input.addEventListener('blur', () => done(true));
    open.replaceWith(input);
    input.focus();
    input.select();
  }

  async remove(id) {
    const rows = [...this.list.querySelectorAll('.conversation')];
    const at = rows.findIndex((row) => row.dataset.id === id);
    await this.page.gone(id);
    const conversation = await loadConversation(id);
    await deleteConversation(id);
    await this.draw();
    this.list.querySelectorAll('.conversation .open')[Math.max(0, at - 1)]?.focus();
    if (!conversation) return;
    toast(`Deleted "${conversation.title}"`, 'Undo', async () => {
      await restoreConversation(conversation);
      await this.draw();
    });
  }
}
