// The window with a conversation's system prompt and sampling.

import { openDialog } from './dialogs.js';
import { make } from './dom.js';
import { fields, readNumber, toolsProblem } from './settings_table.js';

// settings: the conversation's, changed in place; defaults: the server's; changed(): called after each valid change.
export function openSettings(settings, defaults, changed) {
  const text = (key, label, hint, rows) => {
    const box = make('textarea', { id: `set-${key}`, rows: String(rows), 'aria-describedby': `hint-${key}`, spellcheck: 'false' });
    box.value = settings[key] ?? '';
    const problem = make('p', { class: 'problem', role: 'alert' });
    box.addEventListener('input', () => {
      const wrong = key === 'tools' ? toolsProblem(box.value) : null;
      problem.textContent = wrong ?? '';
      if (wrong) return;
      if (box.value === '' && key !== 'system') delete settings[key];
      else settings[key] = box.value;
      changed();
    });
    return make('div', { class: 'field wide' }, make('label', { for: box.id }, label), make('p', { id: `hint-${key}`, class: 'hint' }, hint), box, problem);
  };
  openDialog('Settings of this conversation', [
    text('system', 'System prompt', 'What the model is told before the conversation begins.', 4),
    ...fields.map((field) => numberField(field, settings, defaults, changed)),
    text('stop', 'Stop texts', 'The answer ends where one of these begins: one a line, at most 8; \\n stands for a line break.', 2),
    text('tools', 'Tools', 'Functions the model may call: a JSON list in OpenAI\'s form.', 3),
  ], { kind: 'panel' });
}

function numberField(field, settings, defaults, changed) {
  const fallback = defaults[field.key] ?? field.fallback;
  const number = make('input', { id: `set-${field.key}`, type: 'text', inputmode: 'decimal', autocomplete: 'off', placeholder: fallback === undefined || fallback === null ? 'default' : String(fallback), 'aria-describedby': `hint-${field.key}` });
  const slider = field.whole ? null : make('input', { type: 'range', min: String(field.min), max: String(field.max), step: String(field.step), 'aria-label': `${field.label}, slider` });
  number.value = settings[field.key] ?? '';
  if (slider) slider.value = settings[field.key] ?? fallback ?? (field.key.endsWith('p') && field.key !== 'min_p' ? 1 : field.key === 'repetition_penalty' ? 1 : 0);
  const set = (value) => {
    if (value === undefined) delete settings[field.key];
    else settings[field.key] = value;
    changed();
  };
  const problem = make('p', { class: 'problem', role: 'alert' });
  number.addEventListener('input', () => {
    const value = readNumber(field, number.value);
    problem.textContent = value === null ? `${field.label} is a number from ${field.min} to ${field.max}` : '';
    number.setAttribute('aria-invalid', String(value === null));
    if (value === null) return;
    if (slider && value !== undefined) slider.value = value;
    set(value);
  });
  slider?.addEventListener('input', () => {
    number.value = slider.value;
    problem.textContent = '';
    set(Number(slider.value));
  });
  return make('div', { class: 'field' }, make('label', { for: number.id }, field.label), number, slider, make('p', { id: `hint-${field.key}`, class: 'hint' }, field.hint), problem);
}
