// The chosen exchange: who told whom what, and whether it holds.

let chosen = 0;
let shownSteps = Infinity;  // of the exchange that is played
let playing = 0;

const stepsOf = (exchange) => {
  const find = (name) => exchange.statements.map((s) => s.content && fieldOf(s.content, name)).find((value) => value);
  const query = exchange.statements.find((s) => s.role === 'query');
  const parties = {requester: find('requester') || (query && query.entry[0]) || '', broker: 'broker', provider: find('provider') || ''};
  const lanes = {query: ['requester', 'broker'], decision: ['broker', 'requester'], provision: ['provider', 'requester'], receipt: ['requester', 'broker']};
  const steps = [];
  for (const s of exchange.statements) {
    if (s.role === 'provision' && !steps.some((step) => step.carried)) steps.push({carried: true, lane: ['requester', 'provider'], label: t('step.presented')});
    const outcome = s.kind === 'provision' ? word('outcome', OUTCOMES[fieldOf(s.content, 'outcome') || 0] || '?') :
        s.kind === 'refusal' ? word('reason', REASONS[fieldOf(s.content, 'reason') || 0] || '?') :
        s.kind === 'receipt' ? t(fieldOf(s.content, 'verified') ? 'receipt.verified' : 'receipt.unverified') : '';
    steps.push({s, lane: lanes[s.role], label: t('kind.' + (s.kind || s.role)) + (outcome ? t('colon') + outcome : '')});
  }
  return {parties, steps};
};
const drawSequence = (width) => {
  const exchange = DATA.exchanges.all[chosen];
  const {parties, steps} = stepsOf(exchange);
  const narrow = width < 560, lane = {requester: width * (narrow ? 0.14 : 0.17), broker: width * 0.5, provider: width * (narrow ? 0.86 : 0.83)};
  const top = 62, gap = 58, height = top + steps.length * gap + 24;
  const chart = svg('svg.sequence', {viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': t('sequence.label')},
      svg('defs', {}, svg('marker', {id: 'tip', viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto-start-reverse'}, svg('path.tip', {d: 'M0 0 L8 4 L0 8 z'}))));
  for (const [role, x] of Object.entries(lane)) {
    const name = parties[role] === 'broker' ? t(narrow ? 'party.broker.short' : 'party.broker') : NAMES.get(parties[role]) || parties[role] || '–';
    chart.append(svg('line.lane', {x1: x, x2: x, y1: 48, y2: height}), svg('text.role', {x, y: 16, 'text-anchor': 'middle'}, t('party.' + role + '.role')),
        svg('text.party', {x, y: 36, 'text-anchor': 'middle'}, name.length > (narrow ? 12 : 34) ? name.slice(0, narrow ? 11 : 33) + '…' : name));
  }
  const first = (steps.find((step) => step.s && step.s.time) || {s: {}}).s.time;
  steps.slice(0, shownSteps).forEach((step, i) => {
    const y = top + i * gap + 30, [from, to] = step.lane.map((role) => lane[role]);
    const pad = from < to ? 4 : -4, good = step.s && step.s.checks.every((check) => check.good);
    const when = step.s && step.s.time ? `${clock(step.s.time, true)}  +${span(step.s.time - first)}` : '';
    const group = svg(step.carried ? 'g.step.carried' : 'g.step', step.carried ? {} : {tabindex: '0', role: 'button', 'aria-label': `${step.label} ${when} ${t(good ? 'check.good' : 'check.bad')}`},
        svg('rect.hit', {x: Math.min(from, to) - 10, y: y - 26, width: Math.abs(to - from) + 20, height: 46}),
        svg('line.arrow', {x1: from + pad, x2: to - pad, y1: y, y2: y, 'marker-end': 'url(#tip)'}),
        svg('text.label', {x: (from + to) / 2, y: y - 8, 'text-anchor': 'middle'}, step.label),
        svg('text.when', {x: (from + to) / 2, y: y + 16, 'text-anchor': 'middle'}, when));
    if (step.s) {
      group.append(svg(good ? 'text.tick.good' : 'text.tick.bad', {x: from + (from < to ? -14 : 14), y: y + 5, 'text-anchor': 'middle'}, good ? '✓' : '✗'));
      const open = () => {
        const target = document.getElementById('statement-' + exchange.statements.indexOf(step.s));
        target.open = true;
        target.querySelector('summary').focus();
        target.scrollIntoView({block: 'nearest'});
      };
      group.addEventListener('click', open);
      group.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); open(); } });
    }
    chart.append(group);
  });
  return chart;
};

const valueOf = ({name, form, value}) => {
  if (form === 'bytes') return el('code', {}, hex(value));
  if (form === 'message') return fieldList(value);
  if (form === 'time') return time(value, true);
  if (form === 'flag') return t(value ? 'yes' : 'no');
  if (form === 'reason') return word('reason', REASONS[value] || String(value));
  if (form === 'outcome') return word('outcome', OUTCOMES[value] || String(value));
  if (['requester', 'provider', 'author'].includes(name)) return institution(value);
  if (name === 'procedure') return word('procedure', value);
  if (name === 'items' || name === 'item') return word('item', value);
  return String(value);
};
const fieldList = (fields) => el('dl.fields', {}, fields.map((field) => [el('dt', {}, word('field', field.name)), el('dd', {}, valueOf(field))]));
const check = (good, label, ...more) => el('li', {}, mark(good), ' ', label, more);

const statementView = (s, i) => {
  const good = s.checks.every((c) => c.good);
  const title = el('summary', {}, mark(good), ' ', el('b', {}, t('kind.' + (s.kind || s.role))), ' ', el('span.where', {}, place(...s.entry)), ' ', el('span.where', {}, s.time ? time(s.time, true) : ''));
  const body = [el('ul.checks', {}, s.checks.map((c) => check(c.good, t('check.' + c.name))))];
  if (s.problem) body.push(el('p', {}, word('problem', s.problem)));
  if (s.content) body.push(el('h4', {}, t('statement.says')), fieldList(s.content));
  if (s.commitment) {
    const log = LOGS.get(s.entry[0]);
    body.push(el('h4', {}, t('statement.proof')), el('dl.fields', {},
        el('dt', {}, t('proof.salt')), el('dd', {}, el('code', {}, hex(fromBase64(s.salt)))),
        el('dt', {}, t('proof.commitment')), el('dd', {}, el('code', {}, hex(s.commitment))),
        el('dt', {}, t('proof.leaf')), el('dd', {}, el('code', {}, hex(s.leaf))),
        el('dt', {}, t('proof.root')), el('dd', {}, el('code', {}, s.root ? hex(s.root) : '–'), ' ', mark(Boolean(s.note && same(s.root, s.note.root))))),
    el('details', {}, el('summary', {}, fill('proof.path', {n: number(s.path.length)})), el('ol.path', {}, s.hashes.map((h) => el('li', {}, el('code', {}, h ? hex(h) : '–'))))),
    el('details', {}, el('summary', {}, t('proof.bytes')), el('p', {}, el('code', {}, hex(s.bytes)))),
    log ? el('details', {}, el('summary', {}, t('proof.checkpoint'), ' ', el('span', {'data-signature': s.entry[0]}, signatureMark(s.entry[0]))), el('pre', {}, log.note), el('p', {}, el('code', {}, log.key))) : null);
  }
  return el('details.statement', {id: 'statement-' + i}, title, body);
};
// Signatures take longer: they are verified one by one, after the page is there.
const signatures = new Map();
const signatureMark = (log) => (signatures.has(log) ? mark(signatures.get(log)) : el('span.note', {}, '…'));

const exchangeName = (exchange, i) => {
  const {parties} = stepsOf(exchange);
  const first = exchange.statements.find((s) => s.time);
  return `${exchange.found ? '⚑ ' : ''}${exchange.good ? '✓' : '✗'} ${first ? time(first.time) : '#' + i}  ${institution(parties.requester)} → ${institution(parties.provider)}  ${t('end.' + exchange.end)}`;
};
const choose = (i, play) => {
  chosen = Math.min(Math.max(0, i), DATA.exchanges.all.length - 1);
  clearInterval(playing);
  playing = 0;
  shownSteps = Infinity;
  if (play) {
    const last = stepsOf(DATA.exchanges.all[chosen]).steps.length;
    shownSteps = 0;
    playing = setInterval(() => {
      shownSteps += 1;
      if (shownSteps >= last) { clearInterval(playing); playing = 0; shownSteps = Infinity; }
      draw();
    }, 900);
  }
  showExchange();
};
const showExchange = () => {
  const exchange = DATA.exchanges.all[chosen], box = document.getElementById('exchange');
  document.getElementById('choice').value = String(chosen);
  const related = DATA.findings.all.filter((f) => exchange.statements.some((s) => [[f.log, f.index], ...f.related].some(([log, index]) => log === s.entry[0] && index === s.entry[1])));
  box.replaceChildren(el('p', {}, mark(exchange.good), ' ', t(exchange.good ? 'exchange.good' : 'exchange.bad'), exchange.permit ? [' ', t('field.permit_number'), t('colon'), el('code', {}, exchange.permit)] : null),
      related.length ? el('ul.findings', {}, related.map(findingView)) : '', el('div.frame', {'data-draw': 'sequence'}), el('div', {}, exchange.statements.map(statementView)));
  draw();
};
const exchangesSection = () => {
  const all = DATA.exchanges.all;
  const head = section('exchanges', t('exchanges.title'), el('p', {}, fill('exchanges.about', {n: number(all.length), all: number(DATA.figures.exchanges)})), leftOut(DATA.exchanges));
  if (!all.length) return head;
  const button = (key, sign, action) => el('button', {type: 'button', onclick: action, title: t(key), 'aria-label': t(key)}, sign);
  return put(head, [el('p.chooser', {}, el('label', {for: 'choice'}, t('exchanges.choose')), ' ',
      el('select', {id: 'choice', onchange: (event) => choose(Number(event.target.value))}, all.map((exchange, i) => el('option', {value: i}, exchangeName(exchange, i)))), ' ',
      el('span.whole', {}, button('exchanges.previous', '‹', () => choose(chosen - 1)), ' ', button('exchanges.next', '›', () => choose(chosen + 1)), ' ', button('exchanges.play', '▷', () => choose(chosen, true)))),
  el('div', {id: 'exchange', 'aria-live': 'polite'})]);
};

