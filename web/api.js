// What the page asks of its server. Errors carry a text that can be shown.
/* global readEvents */

const keyName = 'lathe-key';

// Kept until the tab is closed; until a reload where the browser keeps nothing.
let keptHere = '';
export const apiKey = {
  get: () => {
    try {
      return sessionStorage.getItem(keyName) ?? keptHere;
    } catch {
      return keptHere;
    }
  },
  set: (key) => {
    keptHere = key;
    try {
      sessionStorage.setItem(keyName, key);
    } catch {
      // a browser that keeps nothing
    }
  },
};

export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;  // 0: the server could not be reached
  }
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (apiKey.get() !== '') headers.Authorization = `Bearer ${apiKey.get()}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ServerError('The server cannot be reached.', 0);
  }
  if (!response.ok) throw new ServerError(await refusalText(response), response.status);
  return response;
}

async function refusalText(response) {
  let detail = response.statusText;
  try {
    const body = await response.json();
    const said = body.error?.message ?? body.error ?? body.detail ?? body;
    detail = typeof said === 'string' ? said : JSON.stringify(said);
  } catch {
    // no JSON: the status has to do
  }
  const wait = Number(response.headers.get('Retry-After'));
  return `The server answered ${response.status}: ${detail}${wait > 0 ? ` Try again in ${wait} s.` : ''}`;
}

const textOr = (value, other) => (typeof value === 'string' && value !== '' ? value : other);

// What the server offers to pages: {models, model, defaults, keyNeeded, dashboard, report, contextLength}.
export async function pageInfo() {
  const info = await (await call('/page/info')).json();
  return {
    models: Array.isArray(info.models) ? info.models.map((model) => (typeof model === 'string' ? model : model?.id)).filter((id) => typeof id === 'string') : [],
    model: textOr(info.default_model, ''),
    defaults: info.defaults ?? {},
    keyNeeded: info.key_needed === true,
    dashboard: textOr(info.dashboard, null),
    report: textOr(info.report, null),
    contextLength: Number.isFinite(info.context_length) ? info.context_length : null,
  };
}

export const listModels = async () => (await (await call('/v1/models')).json()).data.map((model) => model.id).filter((id) => typeof id === 'string');

// {status, ready, ...}, also of a server that is not well; null when there is none.
export async function health() {
  try {
    return await (await fetch('/health', { cache: 'no-store' })).json();
  } catch {
    return null;
  }
}

// The chunks of an answer. Ends without an error only when the server said that the answer is complete.
export async function* streamChat(body, signal) {
  const response = await call('/v1/chat/completions', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal });
  let done = false;
  try {
    for await (const event of readEvents(response.body)) {
      if (event.error !== undefined) throw new ServerError(`The server broke off: ${textOr(event.error?.message ?? event.error, 'no reason given')}`, 200);
      done = event.done === true;
      if (done) break;
      yield event;
    }
  } catch (error) {
    if (error.name === 'AbortError' || error instanceof ServerError) throw error;
    throw new ServerError('The connection was lost before the answer was complete.', 0);
  }
  if (!done) throw new ServerError('The connection was lost before the answer was complete.', 0);
}
