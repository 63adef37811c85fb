// The conversation: what is shown, what is sent, what may be clicked. Text is only ever set as text, never as HTML.
'use strict';

const api = '';  // the server that sent this page
const maxTokens = 512;
const exampleQuestions = ['Tell me a short story about a fox.', 'What is 37 * 12 + 5?', 'How many times does r occur in strawberry?'];

const settings = { temperature: 0.8, topK: 50 };
// Each message owns its elements: {role, content, bubble, notes: [boxes that belong to it]}.
let messages = [];
let running = null;  // the AbortController of the answer under way

const byId = (id) => document.getElementById(id);
const list = byId('messages'), input = byId('input'), send = byId('send'), stop = byId('stop'), scroll = byId('scroll');

function makeBox(className, text) {
  const box = document.createElement('div');
  box.className = className;
  box.textContent = text;
  return box;
}

function append(element) {
  const follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
  list.append(element);
  refresh();
  if (follow) scrollDown();
}

function scrollDown() {
  scroll.scrollTop = scroll.scrollHeight;
}

function refresh() {
  byId('welcome').hidden = list.childElementCount > 0;
  send.disabled = running !== null || input.value.trim() === '';
  send.hidden = running !== null;
  stop.hidden = running === null;
  document.body.classList.toggle('generating', running !== null);
  byId('temperature').value = settings.temperature;
  byId('temperature-value').textContent = settings.temperature;
  byId('top-k').value = settings.topK;
  byId('top-k-value').textContent = settings.topK;
}

function growInput() {
  input.style.height = 'auto';
  input.style.height = `${Math.min(input.scrollHeight, 200)}px`;
  refresh();
}

function setInput(text) {
  input.value = text;
  growInput();
  input.focus();
}

function showConsole(text) {
  append(makeBox('console', text));
  scrollDown();
}

function showError(text, owner) {
  const box = makeBox('error', text);
  box.setAttribute('role', 'alert');
  append(box);
  if (!owner) return box;
  const retry = document.createElement('button');
  retry.type = 'button';
  retry.textContent = 'Try again';
  retry.addEventListener('click', () => {
    if (!running) retryFrom(owner);
  });
  box.append(retry);
  owner.notes.push(box);
  return box;
}

function makeMessage(role, content) {
  const message = { role, content, bubble: makeBox(`message ${role}`, content), notes: [] };
  const act = () => {
    if (running || String(window.getSelection()) !== '') return;
    if (role === 'user') edit(message);
    else regenerate(message);
  };
  message.bubble.title = role === 'user' ? 'Click to edit and send again' : 'Click for another answer';
  message.bubble.tabIndex = 0;
  message.bubble.addEventListener('click', act);
  message.bubble.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') act();
  });
  return message;
}

// Removes the messages from position `index` on, with everything that belongs to them.
function removeFrom(index) {
  for (const message of messages.splice(index)) {
    message.bubble.remove();
    for (const note of message.notes) note.remove();
  }
}

function edit(message) {
  removeFrom(messages.indexOf(message));
  setInput(message.content);
}

function regenerate(message) {
  removeFrom(messages.indexOf(message));
  answer();
}

function retryFrom(message) {
  for (const note of message.notes.splice(0)) note.remove();
  removeFrom(messages.indexOf(message) + 1);
  answer();
}

function newConversation() {
  if (running) running.abort();
  running = null;
  messages = [];
  list.replaceChildren();
  setInput('');
}

async function refusalText(response) {
  let detail = '';
  try {
    const body = await response.json();
    detail = typeof body.detail === 'string' ? body.detail : JSON.stringify(body.detail);
  } catch {
    detail = response.statusText;
  }
  return `The server answered ${response.status}: ${detail}`;
}

// Asks for an answer to the messages as they stand and shows it as it comes.
async function answer() {
  const controller = new AbortController();
  running = controller;
  const asked = messages[messages.length - 1];
  const reply = makeMessage('assistant', '');
  const dots = document.createElement('span');
  dots.className = 'typing';
  dots.setAttribute('aria-label', 'waiting for the answer');
  dots.append(...[1, 2, 3].map(() => document.createElement('i')));
  reply.bubble.replaceChildren(dots);
  append(reply.bubble);
  scrollDown();

  let failure = null;
  try {
    const response = await fetch(`${api}/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        messages: messages.map(({ role, content }) => ({ role, content })),
        temperature: settings.temperature,
        top_k: settings.topK,
        max_tokens: maxTokens,
      }),
      signal: controller.signal,
    });
    if (!response.ok) throw new Error(await refusalText(response));
    let done = false;
    for await (const event of readEvents(response.body)) {
      if (running !== controller) return;
      if (event.error !== undefined) throw new Error(event.error);
      done = event.done === true;
      if (done) break;
      reply.content += event.token;
      const follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;
      showAnswer(reply.bubble, reply.content);
      if (follow) scrollDown();
    }
    if (!done) throw new Error('The connection was lost before the answer was complete.');
  } catch (error) {
    if (error.name !== 'AbortError') failure = error;
  }
  if (running !== controller) return;  // a new conversation has begun
  running = null;

  // An empty answer is not kept: the server would refuse it as a message.
  if (reply.content.trim() !== '') {
    messages.push(reply);
  } else {
    reply.bubble.remove();
    if (!failure && !controller.signal.aborted) {
      const note = makeBox('console', 'The model gave an empty answer.');
      asked.notes.push(note);
      append(note);
    }
  }
  if (failure) showError(failure.message, reply.content.trim() !== '' ? reply : asked);
  refresh();
  input.focus();
}

function submit() {
  const text = input.value.trim();
  if (running || text === '') return;
  setInput('');
  if (text.startsWith('/')) {
    const said = runCommand(text, settings, newConversation);
    if (said !== null) showConsole(said);
    refresh();
    return;
  }
  const message = makeMessage('user', text);
  messages.push(message);
  append(message.bubble);
  answer();
}

async function checkHealth(waiting) {
  let health = null;
  try {
    const response = await fetch(`${api}/health`);
    health = await response.json();
  } catch {
    // no server, or no answer that can be read: reported below
  }
  if (waiting) waiting.remove();
  refresh();
  if (!health || health.status !== 'ok') return showError('The engine is not running. Start it with "lathe serve" and load this page again.');
  if (health.ready) return;
  const box = makeBox('console', 'The model is being loaded...');
  append(box);
  setTimeout(() => checkHealth(box), 1000);
}

byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  submit();
});
input.addEventListener('input', growInput);
input.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
stop.addEventListener('click', () => running && running.abort());
byId('new').addEventListener('click', newConversation);
byId('temperature').addEventListener('input', (event) => {
  settings.temperature = parseFloat(event.target.value);
  refresh();
});
byId('top-k').addEventListener('input', (event) => {
  settings.topK = parseInt(event.target.value, 10);
  refresh();
});
document.addEventListener('click', (event) => {
  if (!byId('settings').contains(event.target)) byId('settings').open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && running) running.abort();
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === 'n') {
    event.preventDefault();
    if (!running) newConversation();
  }
});
for (const question of exampleQuestions) {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = question;
  button.addEventListener('click', () => setInput(question));
  byId('examples').append(button);
}

refresh();
input.focus();
checkHealth(null);
