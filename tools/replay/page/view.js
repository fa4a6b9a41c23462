// Elements, texts, times. All text goes through textContent.

const DATA = JSON.parse(document.getElementById('data').textContent);
const TEXTS = JSON.parse(document.getElementById('texts').textContent);
const LOGS = new Map(DATA.logs.all.map((log) => [log.log, log]));
const NAMES = new Map(DATA.names.all);
let language = 0;  // 0 English, 1 Japanese

const t = (key) => (TEXTS[key] || [key, key])[language];
// A text for a word of the evidence, or the word itself.
const word = (group, name) => (TEXTS[group + '.' + name] ? t(group + '.' + name) : name);
const fill = (key, values) => t(key).replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all));

const put = (element, children) => {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === '') continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
};
const el = (name, attributes, ...children) => {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  return put(element, children);
};
const svg = (name, attributes, ...children) => {
  const [tag, ...classes] = name.split('.');
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  if (classes.length) element.setAttribute('class', classes.join(' '));
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  return put(element, children);
};

const number = (n) => Number(n).toLocaleString(language ? 'ja-JP' : 'en-GB');
const two = (n) => String(n).padStart(2, '0');
// In Japan's time, wherever the page is read.
const parts = (ms) => {
  const date = new Date(ms + 9 * 3600000);
  return isNaN(date) ? null : date;
};
const day = (ms) => {
  const d = parts(ms);
  return d ? `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}` : '–';
};
const clock = (ms, withMs) => {
  const d = parts(ms);
  if (!d) return '–';
  const rest = withMs ? '.' + String(d.getUTCMilliseconds()).padStart(3, '0') : '';
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}${rest}`;
};
const time = (ms, withMs) => (ms ? `${day(ms)} ${clock(ms, withMs)}` : '–');
const span = (ms) => {
  if (ms === null || ms === undefined) return '–';
  if (Math.abs(ms) < 1000) return `${number(ms)} ms`;
  if (Math.abs(ms) < 120000) return `${(ms / 1000).toFixed(1)} s`;
  if (Math.abs(ms) < 7200000) return `${Math.round(ms / 60000)} min`;
  return Math.abs(ms) < 172800000 ? `${(ms / 3600000).toFixed(1)} h` : `${Math.round(ms / 86400000)} d`;
};
const institution = (code) => {
  if (code === 'broker') return t('party.broker');
  const name = NAMES.get(code);
  return name ? `${name} (${code})` : word('other', code);
};
const place = (log, index) => (log ? institution(log) + (index === null || index === undefined ? '' : ` #${number(index)}`) : t('place.whole'));
const mark = (good) => el(good ? 'span.mark.good' : 'span.mark.bad', {role: 'img', 'aria-label': t(good ? 'check.good' : 'check.bad')}, good ? '✓' : '✗');
const leftOut = (part) => (part.left_out ? el('p.note', {}, fill('left_out', {n: number(part.left_out)})) : null);
const section = (id, title, ...children) => el('section', {id, tabindex: '-1', 'aria-labelledby': id + '-title'}, el('h2', {id: id + '-title'}, title), children);

