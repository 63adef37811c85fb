// The settings of a conversation: one table gives the panel its fields, imports their check and requests their values.

// key: as requests write it. No `fallback`: left to the server unless it was set.
export const fields = [
  { key: 'temperature', label: 'Temperature', min: 0, max: 2, step: 0.05, fallback: 0.8, hint: '0 always takes the likeliest token, more is bolder' },
  { key: 'top_k', label: 'Top-k', min: 0, max: 200, step: 1, fallback: 50, hint: 'how many of the likeliest tokens may be chosen; 0 is all' },
  { key: 'top_p', label: 'Top-p', min: 0.01, max: 1, step: 0.01, hint: 'the likeliest tokens that together have this probability' },
  { key: 'min_p', label: 'Min-p', min: 0, max: 1, step: 0.01, hint: 'tokens at least this likely, as a share of the likeliest' },
  { key: 'repetition_penalty', label: 'Repetition penalty', min: 0.1, max: 2, step: 0.05, hint: '1 is none' },
  { key: 'presence_penalty', label: 'Presence penalty', min: -2, max: 2, step: 0.1, hint: 'against tokens that were used' },
  { key: 'frequency_penalty', label: 'Frequency penalty', min: -2, max: 2, step: 0.1, hint: 'against tokens that were used often' },
  { key: 'max_tokens', label: 'Most tokens', min: 1, max: 1000000, step: 1, fallback: 512, whole: true, hint: 'an answer ends here at the latest' },
  { key: 'seed', label: 'Seed', min: 0, max: 9007199254740991, step: 1, whole: true, hint: 'same seed, same answer; empty draws a new one' },
];

const inRange = (field, value) => Number.isFinite(value) && value >= field.min && value <= field.max && (field.step !== 1 || Number.isInteger(value));

// What is typed into a field: a number of its range, undefined for nothing, null for anything else.
export function readNumber(field, text) {
  if (text.trim() === '') return undefined;
  const value = Number(text);
  return inRange(field, value) ? value : null;
}

// What is wrong with the text of `tools`, or null.
export function toolsProblem(text) {
  if (text.trim() === '') return null;
  try {
    const tools = JSON.parse(text);
    return Array.isArray(tools) && tools.every((tool) => tool?.type === 'function' && typeof tool.function?.name === 'string') ? null : 'A list of {"type": "function", "function": {"name": ...}}';
  } catch (error) {
    return `Not JSON: ${error.message}`;
  }
}

// Name of the first setting that is not what it should be, or null.
export function checkSettings(settings) {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return '*';
  for (const [key, value] of Object.entries(settings)) {
    const field = fields.find((one) => one.key === key);
    if (field ? !inRange(field, value) : !['system', 'stop', 'tools'].includes(key) || typeof value !== 'string' || (key === 'tools' && toolsProblem(value) !== null)) return key;
  }
  return null;
}

export const stopTexts = (settings) => (settings.stop ?? '').split('\n').filter((line) => line !== '').slice(0, 8).map((line) => line.replaceAll('\\n', '\n'));

// The part of a request that the settings make; `defaults` are the server's.
export function asRequest(settings, defaults) {
  const request = {};
  for (const field of fields) {
    const value = settings[field.key] ?? defaults[field.key] ?? field.fallback;
    if (value !== undefined && value !== null) request[field.key] = value;
  }
  const stop = stopTexts(settings);
  if (stop.length > 0) request.stop = stop;
  if ((settings.tools ?? '').trim() !== '') request.tools = JSON.parse(settings.tools);
  return request;
}
