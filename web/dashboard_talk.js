// The box to talk to the model in training, and its samples over time. Text is only ever set as text, never as HTML.
'use strict';

const byId = (id) => document.getElementById(id);

const talk = {
  mode: 'continue',
  turns: [],  // of the chat so far: {role, content}
  running: null,

  setMode(mode) {
    this.mode = mode;
    this.turns = [];
    byId('mode-continue').setAttribute('aria-pressed', String(mode === 'continue'));
    byId('mode-chat').setAttribute('aria-pressed', String(mode === 'chat'));
    byId('talk-input').placeholder = mode === 'chat' ? 'Say something' : 'The beginning of a text';
  },

  add(className, text) {
    const box = document.createElement('div');
    box.className = className;
    box.append(text);
    byId('answers').append(box);
    box.scrollIntoView({ block: 'nearest' });
    return box;
  },

  async ask(text) {
    const controller = this.running = new AbortController();
    byId('ask').textContent = 'Stop';
    const chat = this.mode === 'chat';
    if (chat) {
      this.turns.push({ role: 'user', content: text });
      this.add('said mine', text);
    }
    const box = this.add('said waiting', '');
    let answer = '', note = '';
    if (!chat) {
      const prompt = document.createElement('span');
      prompt.className = 'prompt';
      prompt.textContent = text;
      box.append(prompt);
    }
    const shown = document.createElement('span'), small = document.createElement('small');
    box.append(shown, small);
    try {
      const response = await fetch('/chat', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ messages: chat ? this.turns : [{ role: 'user', content: text }], continue: !chat, temperature: Number(byId('temperature').value) }),
        signal: controller.signal,
      });
      if (!response.ok) {
        const detail = (await response.json().catch(() => ({}))).detail;
        throw new Error(typeof detail === 'string' ? detail : `The server answered ${response.status}`);
      }
      let done = false;
      for await (const event of readEvents(response.body)) {
        if (event.error !== undefined) throw new Error(event.error);
        if (event.step !== undefined) note = `after step ${event.step}; copy of the weights: ${event.copy_mb.toFixed(1)} MB`;
        if (event.token !== undefined) answer += event.token;
        shown.textContent = answer;
        small.textContent = note;
        byId('answers').scrollTop = byId('answers').scrollHeight;
        if (event.done) {
          done = true;
          break;
        }
      }
      if (!done) throw new Error('The connection was lost before the answer was complete.');
      if (answer === '') small.textContent = `(an empty answer) ${note}`;
    } catch (error) {
      if (error.name !== 'AbortError') this.add('said failed', error.message);
      else small.textContent = `stopped; ${note}`;
    }
    box.classList.remove('waiting');
    if (chat) {
      if (answer.trim() !== '') this.turns.push({ role: 'assistant', content: answer });
      else this.turns.pop();
    }
    this.running = null;
    byId('ask').textContent = 'Ask';
  },
};

byId('talk-form').addEventListener('submit', (event) => {
  event.preventDefault();
  if (talk.running) return talk.running.abort();
  const text = byId('talk-input').value;
  if (text.trim() === '') return;
  if (talk.mode === 'chat') byId('talk-input').value = '';
  talk.ask(text);
});
byId('talk-input').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!talk.running) byId('talk-form').requestSubmit();
});
byId('mode-continue').addEventListener('click', () => talk.setMode('continue'));
byId('mode-chat').addEventListener('click', () => talk.setMode('chat'));

// Samples: the slider stays at the newest until somebody moves it.
const samples = {
  all: [],  // {step, lines}
  follow: true,

  set(all) {
    this.all = all;
    byId('samples-card').hidden = all.length === 0;
    if (all.length === 0) return;
    const slider = byId('samples-at');
    slider.max = all.length - 1;
    slider.hidden = all.length < 2;
    if (this.follow) slider.value = all.length - 1;
    this.show();
  },
  show() {
    const sample = this.all[Number(byId('samples-at').value)];
    if (!sample) return;
    byId('samples-step').textContent = `after step ${sample.step}`;
    byId('samples').replaceChildren(...sample.lines.map((line) => {
      const item = document.createElement('li');
      item.textContent = line;
      return item;
    }));
  },
};
byId('samples-at').addEventListener('input', () => {
  samples.follow = Number(byId('samples-at').value) === samples.all.length - 1;
  samples.show();
});
