// Summary, findings, and what puts it all together.

for (const exchange of DATA.exchanges.all) recompute(exchange, LOGS);

const findingView = (f) => {
  const kind = DATA.kinds[f.kind];
  return el('li.' + kind.severity, {}, el('b', {}, kind.title[language]), ' ', el('span.where', {}, place(f.log, f.index), f.time_ms ? ' · ' + time(f.time_ms, true) : ''),
      el('br'), language && f.reason_ja ? f.reason_ja : el('span', {lang: 'en'}, f.reason),
      f.related.length ? [el('br'), el('span.where', {}, t('findings.related') + f.related.map((ref) => place(...ref)).join(language ? '、' : ', '))] : null);
};
const summarySection = () => {
  const f = DATA.figures, checks = DATA.exchanges.all.flatMap((e) => e.statements.flatMap((s) => s.checks));
  const good = checks.filter((c) => c.good).length, all = checks.length, logs = DATA.logs.all;
  const last = Math.max(0, ...logs.map((log) => log.checkpoint_ms)), first = DATA.events.all.length ? DATA.events.all[0].time_ms : 0;
  const figure = (key, n) => el('div.figure', {}, el('b', {}, number(n)), el('span', {}, t(key)));
  const outcome = {clean: 'clean', 'no-findings': 'partial', findings: 'found'}[DATA.verdict];
  const verdict = el('div.verdict.' + outcome, {role: 'status'}, el('p.big', {}, fill('verdict.' + outcome, {n: number(DATA.finding_count)})), el('p', {}, t(`verdict.${outcome}.means`)),
      DATA.whole ? null : el('p', {}, fill('verdict.unjudged', {n: number(f.not_judged), statements: number(DATA.unseen), logs: number(DATA.logs_unread), refusals: number(f.not_redecidable)})));
  const worst = DATA.findings.all.find((one) => DATA.kinds[one.kind].severity === 'finding');
  return section('summary', t('summary.title'), verdict,
      worst ? el('div.first', {}, el('h3', {}, t('findings.first')), el('ul.findings', {}, findingView(worst)), el('p', {}, DATA.kinds[worst.kind].meaning[language])) : '',
      el('div.figures', {}, figure('figure.logs', DATA.log_count), figure('figure.entries', f.entries), figure('figure.exchanges', f.exchanges), figure('figure.completed', f.completed), figure('figure.refused', f.refused), figure('figure.redecided', f.redecided)),
      el('dl.fields', {}, DATA.network ? [el('dt', {}, t('summary.network')), el('dd', {}, DATA.network)] : null,
          el('dt', {}, t('summary.period')), el('dd', {}, `${time(first)} – ${time(last)} ${t('summary.zone')}`),
          el('dt', {}, t('summary.anchor')), el('dd', {}, DATA.anchor_given ? mark(true) : el('span.mark.caution', {'aria-hidden': 'true'}, '!'), ' ', t(DATA.anchor_given ? 'summary.anchor.given' : 'summary.anchor.own'), el('br'), el('code', {}, DATA.anchor)),
          el('dt', {}, t('summary.rest')), el('dd', {}, fill('summary.rest.value', {open: number(f.open), lapsed: number(f.lapsed), unreceipted: number(f.unreceipted), undecided: number(f.undecided), not_redecidable: number(f.not_redecidable), not_judged: number(f.not_judged)})),
          el('dt', {}, t('summary.recomputed')), el('dd', {id: 'recomputed'}, mark(good === all), ' ', fill('summary.recomputed.value', {good: number(good), all: number(all), n: number(DATA.exchanges.all.length)}))),
      el('h3', {}, t('summary.logs')), logsTable(),
      el('h3', {}, t('limits.title')), el('ul.limits', {}, ['limits.outside', 'limits.truth', 'limits.who', 'limits.person', 'limits.erased', 'limits.others', 'limits.page'].map((key) => el('li', {}, t(key)))));
};
const findingsSection = () => {
  const groups = new Map();
  for (const f of DATA.findings.all) groups.set(f.kind, [...(groups.get(f.kind) || []), f]);
  const about = (kind) => el('dl.fields', {}, el('dt', {}, t('findings.meaning')), el('dd', {}, kind.meaning[language]), el('dt', {}, t('findings.not_concluded')), el('dd', {}, kind.not_concluded[language]));
  const shown = (severity) => [...groups].filter(([id]) => DATA.kinds[id].severity === severity).map(([id, list]) => {
    const kind = DATA.kinds[id];
    return el('article.kind.' + severity, {}, el('h4', {}, kind.title[language], ' ', el('span.count', {}, number(kind.total)), ' ', el('code', {}, id)), about(kind),
        el('details', list.length <= 3 ? {open: ''} : {}, el('summary', {}, fill('findings.list', {n: number(list.length), all: number(kind.total)})), el('ul.findings', {}, list.map(findingView))));
  });
  const glossary = Object.entries(DATA.kinds).map(([id, kind]) => el('details', {}, el('summary', {}, kind.title[language], ' ', el('span.count', {}, number(kind.total)), ' ', el('span.where', {}, t('area.' + kind.area))), about(kind), el('p', {}, el('code', {}, id))));
  const missing = Object.values(DATA.kinds).some((kind) => kind.total && ![...groups.keys()].some((id) => DATA.kinds[id] === kind));
  return section('findings', t('findings.title'), el('h3', {}, fill('findings.findings', {n: number(DATA.finding_count)})), DATA.finding_count ? shown('finding') : el('p', {}, t('findings.none')),
      DATA.note_count ? [el('h3', {}, fill('findings.notes', {n: number(DATA.note_count)})), el('p', {}, t('findings.notes.about')), shown('note')] : null,
      missing ? el('p.note', {}, t('findings.missing')) : null,
      el('details', {}, el('summary', {}, fill('findings.glossary', {n: number(Object.keys(DATA.kinds).length)})), glossary));
};

const SECTIONS = ['summary', 'findings', 'timeline', 'exchanges', 'statistics'];
let drawnWidth = 0;
const draw = () => {
  const width = Math.min(1080, Math.max(280, document.getElementById('main').clientWidth - 32));
  drawnWidth = width;
  for (const frame of document.querySelectorAll('[data-draw]')) {
    frame.replaceChildren(frame.getAttribute('data-draw') === 'timeline' ? drawTimeline(width) : drawSequence(width));
  }
};
const THEMES = ['auto', 'light', 'dark'];
let theme = 'auto';
const applyTheme = () => {
  document.documentElement.setAttribute('data-theme', theme);
  const button = document.getElementById('theme');
  button.textContent = {auto: '◐', light: '○', dark: '●'}[theme];
  button.title = t('theme.' + theme);
  button.setAttribute('aria-label', t('theme.' + theme));
};
const render = () => {
  const code = language ? 'ja' : 'en';
  document.documentElement.lang = code;
  document.title = t('title') + (DATA.network ? ' – ' + DATA.network : '');
  document.getElementById('nav').replaceChildren(...SECTIONS.map((id) => el('a', {href: `#${code}&${id}`}, t(id + '.title'))));
  document.getElementById('nav').setAttribute('aria-label', t('nav.label'));
  for (const other of ['en', 'ja']) {
    const link = document.getElementById('to-' + other);
    if (other === code) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current');
  }
  applyTheme();
  document.getElementById('main').replaceChildren(summarySection(), findingsSection(), timelineSection(), exchangesSection(), statisticsSection(),
      el('footer', {}, el('p', {}, t('footer')), el('p', {}, t('footer.care'))));
  if (DATA.exchanges.all.length) showExchange(); else draw();
};
// The address: a language, and what to show: "#ja&exchanges", "#en&dark&x=3".
let rendered = false;
const follow = () => {
  const words = location.hash.slice(1).split('&');
  const before = language;
  language = words.includes('ja') ? 1 : words.includes('en') ? 0 : rendered ? language : (navigator.language || '').startsWith('ja') ? 1 : 0;
  theme = words.find((w) => THEMES.includes(w)) || theme;
  const wanted = words.find((w) => /^x=\d+$/.test(w));
  if (!rendered || before !== language) render();
  applyTheme();
  rendered = true;
  if (wanted && DATA.exchanges.all.length) choose(Number(wanted.slice(2)));
  const target = document.getElementById(words.find((w) => SECTIONS.includes(w)) || (wanted ? 'exchanges' : ''));
  if (target) { target.focus({preventScroll: true}); target.scrollIntoView(); }
};
document.getElementById('theme').addEventListener('click', () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  applyTheme();
});
window.addEventListener('hashchange', follow);
window.addEventListener('resize', () => {
  if (Math.abs(document.getElementById('main').clientWidth - 32 - drawnWidth) > 1) draw();
});
window.addEventListener('beforeprint', () => { for (const d of document.querySelectorAll('#findings > article details')) d.open = true; });
follow();

const waiting = [...LOGS.keys()];
const verifyNext = () => {
  const log = waiting.shift();
  if (log === undefined) { document.documentElement.setAttribute('data-ready', 'true'); return; }
  signatures.set(log, noteIsSigned(LOGS.get(log)));
  for (const spot of document.querySelectorAll('[data-signature]')) if (spot.getAttribute('data-signature') === log) spot.replaceChildren(signatureMark(log));
  setTimeout(verifyNext, 0);
};
setTimeout(verifyNext, 0);
