// Charts on canvas: curves over steps, shares stacked to one, and layers as rows of colour. A curve is {steps, values}, ascending.
'use strict';

const palette = ['#5b7cfa', '#e8833a', '#2fa36b', '#c4549c', '#8b6fd8', '#c9a227', '#3aa7b8', '#d65b5b', '#7d8a99', '#6aa84f'];

function shortNumber(x) {
  if (!Number.isFinite(x)) return '-';
  const size = Math.abs(x);
  if (size >= 1e12) return x.toExponential(2);
  for (const [unit, letter] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (size >= unit) return `${+(x / (letter === 'k' ? 1e3 : unit)).toPrecision(3)}${letter}`;
  }
  if (size > 0 && size < 1e-3) return x.toExponential(1);
  return String(+x.toPrecision(4));
}

function niceTicks(low, high, wanted) {
  const span = high - low || 1, rough = span / wanted, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const ticks = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-6; t += step) ticks.push(Math.abs(t) < step * 1e-6 ? 0 : t);
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); ++p)
    for (const m of high / low < 50 ? [1, 2, 5] : [1]) {
      const t = m * 10 ** p;
      if (t >= low && t <= high) ticks.push(t);
    }
  return ticks.length > 1 ? ticks : [low, high];
}

// The last index whose step is not above `step`; -1 when there is none.
function indexAt(curve, step) {
  let low = 0, high = curve.steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (curve.steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Blue over green to yellow: even steps of lightness, readable without colour.
function heat(t) {
  const stops = [[59, 40, 110], [50, 100, 145], [40, 150, 135], [110, 200, 90], [250, 230, 60]];
  const at = Math.max(0, Math.min(0.9999, t)) * (stops.length - 1), i = Math.floor(at), f = at - i;
  return `rgb(${stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * f)).join(',')})`;
}

const chartKinds = { lines: drawLines, shares: drawShares, layers: drawLayers };

// options: {title, kind, log, limit, limitText, share}; share: values are parts of one, shown as percents. show(curves, view, marks) keeps what is drawn; curves: [[label, curve], ...].
class Chart {
  constructor(parent, options) {
    this.options = options;
    this.box = document.createElement('article');
    this.box.className = 'card chart';
    const title = document.createElement('h2');
    title.textContent = options.title;
    this.latest = document.createElement('small');
    title.append(this.latest);
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('role', 'img');
    this.legend = document.createElement('div');
    this.legend.className = 'legend';
    this.tip = document.createElement('div');
    this.tip.className = 'tip';
    this.tip.hidden = true;
    this.box.append(title, this.canvas, this.legend, this.tip);
    parent.append(this.box);
    this.canvas.addEventListener('pointermove', (event) => this.point(event));
    this.canvas.addEventListener('pointerdown', (event) => this.point(event));
    this.canvas.addEventListener('pointerleave', () => {
      this.tip.hidden = true;
      this.hover = null;
      this.draw();
    });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  number(x) {
    return this.options.share ? `${+(100 * x).toPrecision(3)} %` : shortNumber(x);
  }

  show(curves, view, marks) {
    this.curves = curves;
    this.view = view;
    this.marks = marks;
    const names = curves.map(([label]) => label).join('\n');
    if (names !== this.names) {
      this.names = names;
      const many = this.options.kind === 'layers' || curves.length < 2;
      this.legend.replaceChildren(...(many ? [] : curves.map(([label], i) => {
        const item = document.createElement('span'), swatch = document.createElement('i');
        swatch.style.background = palette[i % palette.length];
        item.append(swatch, label);
        return item;
      })));
    }
    if (this.options.kind === 'lines' && curves.length === 1) this.latest.textContent = this.number(curves[0][1].values.at(-1));
    this.canvas.setAttribute('aria-label', `${this.options.title}, latest: ${curves.map(([label, c]) => `${label} ${shortNumber(c.values.at(-1))}`).join(', ')}`);
    this.draw();
  }

  draw() {
    if (!this.curves || this.canvas.clientWidth === 0) return;
    const ratio = window.devicePixelRatio || 1, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const pen = this.canvas.getContext('2d');
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const style = getComputedStyle(document.documentElement);
    this.ink = { text: style.getPropertyValue('--muted'), line: style.getPropertyValue('--line'), strong: style.getPropertyValue('--text'), bad: style.getPropertyValue('--bad') };
    pen.font = '11px system-ui, sans-serif';
    this.area = { left: this.options.kind === 'layers' ? 96 : 46, right: width - 8, top: 6, bottom: height - 20 };
    const { from, to } = this.view;
    this.x = (step) => this.area.left + ((step - from) / Math.max(1, to - from)) * (this.area.right - this.area.left);
    pen.fillStyle = this.ink.text;
    pen.textBaseline = 'top';
    for (const tick of niceTicks(from, to, Math.max(2, Math.floor(width / 110)))) {
      pen.textAlign = this.x(tick) > this.area.right - 16 ? 'right' : 'center';
      if (Number.isInteger(tick)) pen.fillText(shortNumber(tick), this.x(tick), this.area.bottom + 5);
    }
    chartKinds[this.options.kind](this, pen);
    if (this.hover !== null && this.hover !== undefined) {
      pen.strokeStyle = this.ink.text;
      pen.lineWidth = 0.5;
      pen.beginPath();
      pen.moveTo(this.x(this.hover), this.area.top);
      pen.lineTo(this.x(this.hover), this.area.bottom);
      pen.stroke();
    }
  }

  yAxis(pen, low, high, log) {
    const { left, right, top, bottom } = this.area, scale = log ? Math.log10 : (v) => v;
    this.y = (v) => bottom - ((scale(v) - scale(low)) / (scale(high) - scale(low) || 1)) * (bottom - top);
    pen.lineWidth = 1;
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const tick of log ? logTicks(low, high) : niceTicks(low, high, 4)) {
      const y = Math.round(this.y(tick)) + 0.5;
      pen.strokeStyle = this.ink.line;
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(right, y);
      pen.stroke();
      pen.fillStyle = this.ink.text;
      pen.fillText(this.number(tick), left - 5, Math.min(Math.max(y, top + 5), bottom - 2));
    }
  }

  point(event) {
    if (!this.curves || this.curves.length === 0) return;
    const box = this.canvas.getBoundingClientRect(), { left, right } = this.area;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - left) / (right - left)));
    const wanted = this.view.from + share * (this.view.to - this.view.from);
    const longest = this.curves.reduce((a, b) => (b[1].steps.length > a[1].steps.length ? b : a))[1];
    const step = longest.steps[Math.max(0, indexAt(longest, wanted))];
    const rows = [];
    for (const [label, curve] of this.curves) {
      const i = indexAt(curve, step);
      if (i >= 0) rows.push([label, curve.values[i]]);
    }
    if (this.options.kind !== 'shares' && rows.length > 10) rows.sort((a, b) => b[1] - a[1]).splice(10);
    const lines = rows.map(([label, v]) => `${label}  ${this.number(v)}`);
    for (const mark of this.marks || []) if (mark.step >= step && mark.step <= step + (this.view.to - this.view.from) / 100) lines.push(mark.text);
    this.hover = step;
    this.draw();
    this.tip.textContent = [`step ${step}`, ...lines].join('\n');
    this.tip.hidden = false;
    const x = this.x(step) + 14, room = this.box.clientWidth - this.tip.offsetWidth - 8;
    this.tip.style.left = `${Math.max(4, x + 10 > room ? this.x(step) - this.tip.offsetWidth : x)}px`;
  }
}

function visibleValues(chart) {
  const { from, to } = chart.view, out = [];
  for (const [, curve] of chart.curves)
    for (let i = Math.max(0, indexAt(curve, from)); i < curve.steps.length && curve.steps[i] <= to; ++i) out.push(curve.values[i]);
  return out;
}

function drawLines(chart, pen) {
  const log = chart.options.log;
  let values = visibleValues(chart);
  if (log) values = values.filter((v) => v > 0);
  if (values.length === 0) return;
  const limit = chart.options.limit;
  if (limit) values.push(limit, 0);
  let low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  if (log) [low, high] = [low / 1.1, high * 1.1];
  else if (low === 0 && high === 0) high = 1;
  else if (low === high) [low, high] = [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  else [low, high] = [low >= 0 && low < (high - low) * 0.25 ? 0 : low - (high - low) * 0.04, high + (high - low) * 0.04];
  if (chart.options.share) [low, high] = [Math.max(low, 0), Math.min(high, 1)];
  chart.yAxis(pen, low, high, log);
  const { left, right, top, bottom } = chart.area;
  pen.save();
  pen.beginPath();
  pen.rect(left, top - 2, right - left + 1, bottom - top + 4);
  pen.clip();
  for (const mark of chart.marks || []) {
    pen.strokeStyle = chart.ink.bad;
    pen.setLineDash([3, 3]);
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(chart.x(mark.step), top);
    pen.lineTo(chart.x(mark.step), bottom);
    pen.stroke();
  }
  if (limit) {
    pen.strokeStyle = chart.ink.text;
    pen.setLineDash([6, 4]);
    pen.beginPath();
    pen.moveTo(left, chart.y(limit));
    pen.lineTo(right, chart.y(limit));
    pen.stroke();
    pen.fillStyle = chart.ink.text;
    pen.textAlign = 'right';
    pen.textBaseline = 'top';
    pen.fillText(chart.options.limitText, right - 2, chart.y(limit) + 3);
  }
  pen.setLineDash([]);
  pen.lineJoin = 'round';
  chart.curves.forEach(([, curve], n) => {
    pen.strokeStyle = pen.fillStyle = palette[n % palette.length];
    pen.lineWidth = 1.6;
    pen.beginPath();
    let down = false;
    for (let i = Math.max(0, indexAt(curve, chart.view.from)); i < curve.steps.length; ++i) {
      if (log && curve.values[i] <= 0) continue;
      const at = [chart.x(curve.steps[i]), chart.y(curve.values[i])];
      if (down) pen.lineTo(...at);
      else pen.moveTo(...at);
      down = true;
      if (curve.steps.length <= 40) pen.fillRect(at[0] - 1.5, at[1] - 1.5, 3, 3);
    }
    pen.stroke();
  });
  pen.restore();
}

function drawShares(chart, pen) {
  chart.yAxis(pen, 0, 1, false);
  const first = chart.curves[0][1];
  const sums = first.steps.map(() => 0);
  const start = Math.max(0, indexAt(first, chart.view.from));
  pen.save();
  pen.beginPath();
  pen.rect(chart.area.left, chart.area.top, chart.area.right - chart.area.left, chart.area.bottom - chart.area.top);
  pen.clip();
  chart.curves.forEach(([, curve], n) => {
    const below = [...sums];
    first.steps.forEach((step, i) => {
      const at = indexAt(curve, step);
      sums[i] += at >= 0 ? curve.values[at] : 0;
    });
    pen.fillStyle = palette[n % palette.length];
    pen.globalAlpha = 0.75;
    pen.beginPath();
    for (let i = start; i < sums.length; ++i) pen.lineTo(chart.x(first.steps[i]), chart.y(sums[i]));
    for (let i = sums.length - 1; i >= start; --i) pen.lineTo(chart.x(first.steps[i]), chart.y(below[i]));
    pen.fill();
  });
  pen.restore();
}

function drawLayers(chart, pen) {
  const positive = visibleValues(chart).filter((v) => v > 0);
  if (positive.length === 0) return;
  const low = Math.log10(positive.reduce((a, b) => Math.min(a, b))), high = Math.log10(positive.reduce((a, b) => Math.max(a, b)));
  const { left, right, top, bottom } = chart.area, rows = chart.curves.length, tall = (bottom - top) / rows;
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  const every = Math.ceil(11 / tall);
  chart.curves.forEach(([label, curve], n) => {
    const y = top + n * tall;
    for (let i = Math.max(0, indexAt(curve, chart.view.from)); i < curve.steps.length; ++i) {
      const x = Math.max(left, chart.x(curve.steps[i]));
      const end = Math.min(right, i + 1 < curve.steps.length ? chart.x(curve.steps[i + 1]) : x + (i > 0 ? x - chart.x(curve.steps[i - 1]) : right - left));
      if (end <= x) continue;
      pen.fillStyle = curve.values[i] > 0 ? heat((Math.log10(curve.values[i]) - low) / (high - low || 1)) : chart.ink.line;
      pen.fillRect(x, y, end - x + 0.5, tall - (tall > 6 ? 1 : 0));
    }
    pen.fillStyle = chart.ink.text;
    if (n % every === 0) pen.fillText(label, left - 5, y + tall / 2);
  });
  chart.latest.textContent = `${shortNumber(10 ** low)} (dark) to ${shortNumber(10 ** high)} (bright)`;
}
