// A column: one lane's messages on the page, and the answer under way in it.

import { streamChat } from './api.js';
import { announce, make } from './dom.js';
import { MessageView } from './message_view.js';
import { alternativeText, readTokens } from './token_text.js';
import { mergeCalls } from './tool_calls.js';
import { addNode, asMessages, openCalls, parentOf, pathTo, removeNode, resultsOf, showBranch, shownPath } from './tree.js';

export class Thread {
  // chat: {conversation, requestOf(lane), busy(), changed(), save(), serverTrouble()}: what all columns share.
  constructor(chat, lane) {
    this.chat = chat;
    this.conversation = chat.conversation;
    this.lane = lane;
    this.running = null;  // {node, controller}
    this.views = new Map();
    this.notes = make('div', { class: 'notes' });
    this.list = make('div', { class: 'messages', role: 'log', 'aria-live': 'off', 'aria-label': 'Conversation' }, this.notes);
    this.head = make('div', { class: 'lane-name', hidden: true });
    this.element = make('section', { class: 'thread', 'aria-label': 'Answers', tabindex: '0' }, this.head, this.list);
    this.following = true;
    this.element.addEventListener('scroll', () => {
      this.following = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 60;
    }, { passive: true });
    this.render();
  }

  busy() {
    return this.chat.busy();
  }
  showsTokens() {
    return this.conversation.tokens;
  }
  follow() {
    if (this.following) this.element.scrollTop = this.element.scrollHeight;
  }

  // The views of the messages that are shown; those that stay keep their elements and notes.
  render() {
    const views = new Map();
    for (const node of shownPath(this.lane)) views.set(node.id, this.views.get(node.id) ?? new MessageView(this, node));
    for (const [id, view] of this.views) if (!views.has(id)) view.entry.remove();
    let before = this.notes;
    for (const view of views.values()) {
      if (before.nextSibling !== view.entry) before.after(view.entry);
      before = view.entry;
    }
    this.views = views;
    this.refresh();
  }
  refresh() {
    for (const view of this.views.values()) {
      view.showFoot();
      if (view.node.calls) view.showCalls();
    }
  }
  showAgain() {
    for (const view of this.views.values()) view.show();
  }
  view(node) {
    return this.views.get(node.id);
  }

  note(text) {
    const last = [...this.views.values()].pop();
    if (last) last.note(text);
    else this.notes.append(make('div', { class: 'console' }, text));
    this.following = true;
    this.follow();
  }

  ask(text) {
    const path = shownPath(this.lane);
    const node = addNode(this.lane, path[path.length - 1] ?? this.lane.nodes[0], { role: 'user', content: text });
    return this.run(addNode(this.lane, node, { role: 'assistant' }));
  }
  resend(node, text) {
    return this.busy() ? undefined : this.answer(addNode(this.lane, parentOf(this.lane, node), { role: 'user', content: text }));
  }
  rewrite(node, text) {
    node.content = text;
    delete node.tokens;
    delete node.figures;
    this.view(node).show();
    this.chat.save(this.conversation);
  }
  turn(node, step) {
    if (this.busy()) return;
    showBranch(this.lane, node, step);
    this.render();
    const shown = this.views.get(parentOf(this.lane, node).children[parentOf(this.lane, node).shown]);
    shown?.foot.querySelector(`[aria-label="${step < 0 ? 'Previous' : 'Next'} branch"]:not(:disabled)`)?.focus();
    this.chat.save(this.conversation);
  }
  // The model goes on when all of the message's calls have their answers.
  answerCall(node, call, text) {
    if (this.busy()) return undefined;
    const results = resultsOf(this.lane, node);
    const result = addNode(this.lane, results[results.length - 1] ?? node, { role: 'tool', content: text, call: call.id });
    if (openCalls(this.lane, node).length === 0) return this.answer(result);
    this.render();
    this.view(node).calls.querySelector('textarea')?.focus();
    return this.chat.save(this.conversation);
  }

  // An answer to `parent`, a new branch when it has one already.
  answer(parent) {
    if (this.busy()) return undefined;
    return this.run(addNode(this.lane, parent, { role: 'assistant' }));
  }
  goOn(node) {
    return this.busy() ? undefined : this.run(node);
  }
  branchFrom(node, at, other) {
    if (this.busy()) return undefined;
    const ends = alternativeText(node, at, other) === null;
    const content = alternativeText(node, at, ends ? null : other);
    if (content === null) return undefined;
    const tokens = node.tokens.slice(0, at);
    if (!ends) tokens.push({ ...other, top: node.tokens[at].top });
    const branch = addNode(this.lane, parentOf(this.lane, node), { role: 'assistant', content, tokens });
    if (!ends) return this.run(branch);
    branch.finish = 'stop';
    this.render();
    return this.chat.save(this.conversation);
  }

  stop() {
    this.running?.controller.abort();
  }

  // Asks the server for `node`'s text, or for more of it.
  async run(node) {
    const parent = parentOf(this.lane, node), more = node.content !== '';
    const controller = new AbortController();
    this.running = { node, controller };
    if (more && !node.tokens && this.showsTokens()) node.tokens = [];
    delete node.finish;
    this.following = true;
    this.render();
    const view = this.view(node);
    for (const old of [parent, node]) for (const box of this.view(old)?.notes.querySelectorAll('.error') ?? []) box.remove();
    view.wait();
    this.chat.changed();
    this.chat.save(this.conversation);
    this.follow();
    announce('Answer under way');
    let failure = null;
    try {
      await this.receive(node, view, controller, more);
      if (controller.signal.aborted) node.finish = 'stopped';
    } catch (error) {
      if (error.name === 'AbortError') node.finish = 'stopped';
      else {
        failure = error;
        node.finish = 'broken';
      }
    }
    this.running = null;
    this.conclude(node, parent, view, failure);
  }

  async receive(node, view, controller, more) {
    const path = pathTo(this.lane, node);
    const request = this.chat.requestOf(this.lane);
    const body = { ...request.body, messages: asMessages(more ? path : path.slice(0, -1), request.system), stream: true, stream_options: { include_usage: true } };
    if (more) Object.assign(body, { add_generation_prompt: false, continue_final_message: true });
    if (this.showsTokens()) Object.assign(body, { logprobs: true, top_logprobs: 5 });
    const begun = performance.now();
    let first = 0, pieces = 0, counted = 0, saved = begun;
    const measure = (now) => {
      const tokens = counted || pieces;
      node.figures = { tokens, first: (first - begun) / 1000, rate: now > first && tokens > 1 ? (1000 * (tokens - 1)) / (now - first) : 0 };
    };
    for await (const event of streamChat(body, controller.signal)) {
      if (controller.signal.aborted) return;
      const now = performance.now();
      if (Number.isFinite(event.usage?.completion_tokens)) counted = event.usage.completion_tokens;
      const choice = event.choices?.[0];
      if (!choice) continue;
      const piece = choice.delta?.content ?? '';
      const tokens = this.showsTokens() ? readTokens(choice.logprobs) : [];
      if (tokens.length > 0) (node.tokens ??= []).push(...tokens);
      if (choice.delta?.tool_calls) mergeCalls(node.calls ??= [], choice.delta.tool_calls);
      if (typeof choice.finish_reason === 'string') node.finish = choice.finish_reason;
      if (piece !== '' || choice.delta?.tool_calls) {
        if (first === 0) first = now;
        pieces += Math.max(1, tokens.length);
        node.content += piece;
        view.add(piece);
        measure(now);
        view.showFigures();
        if (now - saved > 2000) {
          saved = now;
          this.chat.save(this.conversation);
        }
      }
    }
    if (first > 0) measure(performance.now());
  }

  conclude(node, parent, view, failure) {
    // An empty answer is not kept: it would be refused as a message.
    const empty = node.content.trim() === '' && !node.calls?.length;
    if (empty) {
      removeNode(this.lane, node);
      this.render();
      const owner = this.view(parent);
      if (failure) (owner ?? view).fail(failure.message, () => this.answer(parent));
      else if (node.finish !== 'stopped') owner?.note('The model gave an empty answer.');
    } else {
      view.finish();
      if (failure) view.fail(failure.message, () => this.goOn(node));
    }
    this.refresh();
    this.follow();
    announce(failure ? '' : empty ? 'No answer' : `Answer ${node.finish === 'stopped' ? 'stopped' : 'complete'}: ${node.content.slice(0, 600)}`);
    this.chat.changed(failure);
    this.chat.save(this.conversation);
  }
}
