// The only place where elements are made: from names and text, never from HTML.

export const byId = (id) => document.getElementById(id);

// make('button', {class: 'x', title: 't', on: {click}}, 'text', child): null and false properties and children are left out.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'on') for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === 'class') element.className = value;
    else if (name.startsWith('on')) throw new Error(`no handler as an attribute: ${name}`);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const shapes = {
  add: ['M12 5v14M5 12h14'],
  menu: ['M4 6.5h16M4 12h16M4 17.5h16'],
  more: ['M5 11.3v1.4M12 11.3v1.4M19 11.3v1.4'],
  tune: ['M4 7h9M19 7h1M4 17h1M11 17h9', 'M16 4.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5M8 14.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5'],
  columns: ['M4.5 5h15v14h-15zM12 5v14'],
  tokens: ['M4 7h5M12 7h8M4 12h9M16 12h4M4 17h3M10 17h7'],
  theme: ['M20 14.2A8 8 0 1 1 9.8 4a6.4 6.4 0 0 0 10.2 10.2z'],
  help: ['M9.2 9.2a2.8 2.8 0 1 1 4.3 2.4c-.9.6-1.5 1.2-1.5 2.4M12 17.5h.01'],
  send: ['M12 19V5M6 11l6-6 6 6'],
  stop: ['M7.5 7.5h9v9h-9z'],
  copy: ['M9 9h10v10H9zM15 9V5H5v10h4'],
  edit: ['M4 20h4L19 9l-4-4L4 16zM13 7l4 4'],
  again: ['M19 6v5h-5M5 18v-5h5', 'M18.2 11A7 7 0 0 0 6.4 7.6L5 9M5.8 13a7 7 0 0 0 11.8 3.4L19 15'],
  onward: ['M5 6l7 6-7 6zM13 6l7 6-7 6z'],
  remove: ['M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13'],
  previous: ['M14.5 6l-6 6 6 6'],
  next: ['M9.5 6l6 6-6 6'],
  close: ['M6 6l12 12M18 6L6 18'],
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [attribute, value] of [['viewBox', '0 0 24 24'], ['width', '18'], ['height', '18'], ['aria-hidden', 'true']]) svg.setAttribute(attribute, value);
  for (const shape of shapes[name]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', shape);
    svg.append(path);
  }
  return svg;
}

// A button that shows an icon and is called `label` by tooltips and screen readers.
export function iconButton(name, label, act, properties = {}) {
  return make('button', { type: 'button', class: 'icon', title: label, 'aria-label': label, ...properties, on: { click: act } }, icon(name));
}

// Addresses of the model's links: only these schemes, else null.
export function safeAddress(address) {
  try {
    const url = new URL(address, 'invalid:/');
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

// Said by screen readers when they are ready for it.
export function announce(text) {
  byId('announce').textContent = text;
}
