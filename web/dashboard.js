// The run as it is: history and news from /events, kept as curves, drawn as charts and figures.
'use strict';

const mostPoints = 4000;  // of a curve; then neighbours are averaged in pairs

let run = {}, curves = new Map(), texts = [], ended = '', connected = false, share = 1;
const charts = new Map();

function addPoint(name, step, value) {
  if (!curves.has(name)) curves.set(name, { steps: [], values: [] });
  const curve = curves.get(name);
  while (curve.steps.length && curve.steps.at(-1) >= step) {  // the run went back
    curve.steps.pop();
    curve.values.pop();
  }
  curve.steps.push(step);
  curve.values.push(value);
  if (curve.steps.length < mostPoints) return;
  const half = { steps: [], values: [] };
  for (let i = 0; i + 1 < curve.steps.length; i += 2) {
    half.steps.push(curve.steps[i]);
    half.values.push((curve.values[i] + curve.values[i + 1]) / 2);
  }
  curves.set(name, half);
}

function addLine(step, values) {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'number') addPoint(name, step, value);
    else if (typeof value === 'string' || (Array.isArray(value) && typeof value[0] === 'string')) {
      texts = texts.filter((text) => text.step <= step);
      texts.push({ step, name, lines: typeof value === 'string' ? [value] : value });
      if (texts.length > 100) texts.shift();
    }
  }
}

const last = (name) => curves.get(name)?.values.at(-1);
const lastStep = () => Math.max(0, ...[...curves.values()].map((curve) => curve.steps.at(-1) ?? 0));
const under = (prefix) => [...curves].filter(([name]) => name.startsWith(prefix)).map(([name, curve]) => [name.slice(prefix.length), curve]);
const named = (...names) => names.filter((name) => curves.has(name)).map((name) => [name.split('/').pop(), curves.get(name)]);

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function duration(seconds) {
  if (!Number.isFinite(seconds)) return '-';
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

// Charts of the stages after base training: title, how it is drawn, and [what the line is called, the figure] in order.
const stageCharts = [
  ['Reward', {}, [['mean of the step', 'reward']]],
  ['Solved on held-out problems', { share: true }, [['right of all answers', 'rl/eval_right']]],  // and pass@k
  ['Answers that came to an end', { share: true }, [['', 'rl/completed']]],
  ['Length of the answers, tokens', {}, [['training', 'sequence_length'], ['held out', 'rl/eval_sequence_length']]],
  ['Problems that taught nothing', { share: true }, [['all answers alike', 'rl/examples_without_signal']]],
  ['Answering, tokens a second', {}, [['', 'rl/rollout_tok_per_sec']]],
  ['Pairs ranked right by the reward', { share: true }, [['training', 'dpo/accuracy'], ['held out', 'val/accuracy']]],
  ['Margin of the rewards', {}, [['training', 'dpo/margin'], ['held out', 'val/margin']]],
  ['Rewards', {}, [['better answers', 'dpo/rewards/chosen'], ['worse answers', 'dpo/rewards/rejected']]],
  ['Log-probability of the answers', {}, [['better', 'dpo/logps/chosen'], ['worse', 'dpo/logps/rejected']]],
  ['Divergence from the reference (KL), nats', {}, [['training', 'dpo/kl'], ['held out', 'val/kl'], ['training', 'rl/kl']]],
];

// What each chart shows. Curves that none of these takes come below, under "Everything else".
function layout() {
  const limit = run.limit_tokens_per_second;
  const depth = ([name]) => (name.startsWith('layer_') ? Number(name.slice(6)) : Infinity);  // tables and heads below the layers
  const parts = under('grad_norm/').sort((a, b) => (depth(a) === depth(b) ? 0 : depth(a) - depth(b)));
  const known = [
    ['Loss', { kind: 'lines' }, named('train/loss')],
    ['Validation: loss', { kind: 'lines' }, named('val/loss')],
    ['Validation: bits per byte', { kind: 'lines' }, named('val/bpb')],
    ['Learning rate (share of the peak)', { kind: 'lines' }, named('train/lrm')],
    ['Gradient norm', { kind: 'lines', log: true }, named('train/grad_norm')],
    ['Gradient norms by layer', { kind: 'layers' }, parts],
    ['Tokens a second', { kind: 'lines', limit, limitText: 'limit: nothing but products' }, named('train/tok_per_sec')],
    ['Mixture of the data', { kind: 'shares', share: true }, under('mixture/')],
  ];
  for (const [title, options, figures] of stageCharts) {
    const list = figures.filter(([, name]) => curves.has(name)).map(([label, name]) => [label, curves.get(name)]);
    if (title.startsWith('Solved')) list.push(...[...curves].filter(([name]) => name.startsWith('pass@')));
    known.push([title, { kind: 'lines', ...options }, list]);
  }
  const all = known.filter(([, , list]) => list.length > 0);
  const taken = new Set(all.flatMap(([, , list]) => list.map(([, curve]) => curve)));
  const marked = /^(spike|rewind)\//;  // as lines in the others
  for (const [name, curve] of curves) if (!taken.has(curve) && !marked.test(name)) all.push([name, { kind: 'lines', minor: true }, [[name, curve]]]);
  return all;
}

function marks() {
  const list = (curves.get('spike/loss')?.steps ?? []).map((step, i) => ({ step, text: `loss spike: ${shortNumber(curves.get('spike/loss').values[i])}` }));
  const back = curves.get('rewind/from');
  return list.concat((back?.steps ?? []).map((step, i) => ({ step, text: `went back from step ${back.values[i]}` })));
}

const percent = (x) => `${(100 * x).toFixed(1)} %`;

function showTile(id, label, value, note) {
  let tile = byId(`tile-${id}`);
  if (!tile) {
    tile = document.createElement('div');
    tile.className = 'tile';
    tile.id = `tile-${id}`;
    tile.append(document.createElement('span'), document.createElement('b'), document.createElement('em'));
    byId('tiles').append(tile);
  }
  [tile.children[0].textContent, tile.children[1].textContent, tile.children[2].textContent] = [label, value, note];
}

function showTiles() {
  const step = lastStep(), steps = run.steps ?? 0, dt = curves.get('train/dt')?.values.slice(-50) ?? [];
  const left = ended ? 0 : Math.max(0, steps - step - 1) * median(dt);
  showTile('step', 'Step', step.toLocaleString('en'), steps > 0 ? `of ${steps.toLocaleString('en')} (${(100 * Math.min(1, (step + 1) / steps)).toFixed(1)} %)` : '');
  showTile('loss', 'Training loss', shortNumber(last('train/loss')), '');
  for (const [name, curve] of named('val/loss', 'val/bpb')) showTile(`val-${name}`, `Validation ${name}`, shortNumber(curve.values.at(-1)), `best ${shortNumber(Math.min(...curve.values))}`);
  for (const [id, label, name] of [['reward', 'Reward', 'reward'], ['pass', 'Solved, held out', 'pass@1'], ['accuracy', 'Pairs ranked right', 'dpo/accuracy']]) {
    const curve = curves.get(name);
    if (curve) showTile(id, label, id === 'reward' ? shortNumber(curve.values.at(-1)) : percent(curve.values.at(-1)), `best ${id === 'reward' ? shortNumber(Math.max(...curve.values)) : percent(Math.max(...curve.values))}`);
  }
  const speed = last('train/tok_per_sec'), limit = run.limit_tokens_per_second;
  if (speed !== undefined) showTile('speed', 'Tokens a second', shortNumber(speed), limit ? `${(100 * speed / limit).toFixed(0)} % of the limit` : '');
  if (last('train/grad_norm') !== undefined) showTile('norm', 'Gradient norm', shortNumber(last('train/grad_norm')), '');
  const tokens = last('total_training_tokens');
  if (tokens !== undefined) showTile('tokens', 'Tokens trained', shortNumber(tokens), last('train/epoch') !== undefined ? `epoch ${last('train/epoch')}` : '');
  const memory = last('system/rss_mb');
  if (memory !== undefined) showTile('memory', 'Memory', `${shortNumber(Math.round(memory))} MB`, `peak ${shortNumber(Math.round(last('system/peak_rss_mb') ?? memory))} MB`);
  if (steps > 0 && dt.length > 0) showTile('left', 'Time left', ended ? '-' : duration(left), `a step takes ${duration2(median(dt))}`);
  byId('progress').style.width = steps > 0 ? `${100 * Math.min(1, (step + 1) / steps)}%` : '0';
}

function duration2(seconds) {
  return seconds < 10 ? `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms` : duration(seconds);
}

function showState() {
  const box = byId('state');
  box.className = `state ${ended ? '' : connected ? 'live' : 'lost'}`;
  byId('state-text').textContent = ended || (connected ? (run.recorded ? 'from its folder' : 'training') : 'no connection; trying again');
  byId('name').textContent = [run.name, run.stage].filter(Boolean).join(' \u00b7 ') || 'lathe';
  document.title = `${run.name ?? 'lathe'}: ${ended || `step ${lastStep()}`}`;
}

let drawing = false;
function refresh() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    const end = Math.max(1, lastStep()), view = { from: end * (1 - share), to: end }, marked = marks();
    const used = new Set();
    for (const [title, options, list] of layout()) {
      used.add(title);
      if (!charts.has(title)) charts.set(title, new Chart(options.minor ? byId('more-charts') : byId('charts'), { title, ...options }));
      charts.get(title).show(list, view, marked);
    }
    for (const [title, chart] of charts) chart.box.hidden = !used.has(title);
    byId('more').hidden = byId('more-charts').childElementCount === 0;
    showTiles();
    showState();
    samples.set(texts.filter((text) => text.name === 'samples'));
  });
}

function takeHistory(history) {
  ({ run, texts } = history);
  ended = history.ended ?? '';
  curves = new Map(Object.entries(history.curves));
  byId('talk').hidden = !history.chat || ended !== '';
  if (history.chat && byId('talk-input').placeholder === '') talk.setMode(run.chat_stage ? 'chat' : 'continue');
}

const events = new EventSource('/events');
events.onmessage = (message) => {
  const event = JSON.parse(message.data);
  connected = true;
  if (event.history) takeHistory(event.history);
  if (event.line) addLine(event.line.step, event.line.values);
  if (event.ended) {
    ended = event.ended;
    byId('talk').hidden = true;
    events.close();
  }
  refresh();
};
events.onerror = () => {
  connected = false;
  refresh();
};

byId('zoom').addEventListener('click', (event) => {
  if (!event.target.dataset.share) return;
  share = Number(event.target.dataset.share);
  for (const button of byId('zoom').children) button.setAttribute('aria-pressed', String(button === event.target));
  refresh();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts.values()) chart.draw();
});
refresh();
