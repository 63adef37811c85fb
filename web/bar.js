// What the buttons and lists of the bar and the welcome page look like.

import { byId, icon, make } from './dom.js';

const exampleQuestions = ['Tell me a short story about a fox.', 'What is 37 * 12 + 5?', 'How many times does r occur in strawberry?'];

// The choice among `models`, with `current` chosen, which may be one that the server no longer has.
export function showModels(select, current, models, wanted, busy) {
  const names = current && !models.includes(current) ? [...models, current] : models;
  if ([...select.options].map((option) => option.value).join('\n') !== names.join('\n')) select.replaceChildren(...names.map((name) => make('option', { value: name }, name)));
  select.value = select.title = current;
  select.hidden = !wanted || names.length === 0;
  select.disabled = busy;
}

// Icons and names of the buttons; a click on an example gives it to `choose`.
export function dress(choose) {
  for (const [id, shape, label] of [['toggle', 'menu', 'Conversations (Alt+B)'], ['compare', 'columns', 'Two models side by side (Alt+M)'], ['tokens', 'tokens', 'Tokens and their probabilities (Alt+T)'], ['settings', 'tune', 'Settings of this conversation (Alt+S)'], ['more', 'more', 'More'], ['theme', 'theme', 'Light, dark, or the system\'s colours (Alt+D)'], ['help', 'help', 'Keyboard (Alt+H)']]) {
    byId(id).append(icon(shape));
    byId(id).title = label;
    byId(id).setAttribute('aria-label', label.replace(/ \(.*/, ''));
  }
  byId('new').append(icon('add'), make('span', {}, 'New'));
  byId('send').append(icon('send'));
  byId('stop').append(icon('stop'));
  byId('toggle').setAttribute('aria-expanded', String(!matchMedia('(max-width: 48rem)').matches));
  byId('examples').append(...exampleQuestions.map((question) => make('button', { type: 'button', on: { click: () => choose(question) } }, question)));
}
