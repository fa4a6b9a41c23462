// Tables that a click or the Enter key on a head sorts.

const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
const table = (columns, rows) => {  // columns: {title, value(row), show(row)}
  const body = el('tbody', {});
  let by = -1, down = true;
  const fillBody = () => {
    const order = rows.slice();
    if (by >= 0) {
      const value = columns[by].value;
      order.sort((a, b) => {
        const x = value(a), y = value(b);
        const less = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), language ? 'ja' : 'en');
        return down ? -less : less;
      });
    }
    body.replaceChildren(...order.map((row) => el('tr', {}, columns.map((column, i) => el(i && !column.wide ? 'td.number' : 'td', {}, column.show ? column.show(row) : column.value(row))))));
  };
  const heads = columns.map((column, i) => el(i && !column.wide ? 'th.number' : 'th', {scope: 'col'}, el('button', {type: 'button', onclick: () => {
    down = by === i ? !down : i > 0;
    by = i;
    heads.forEach((head, j) => (j === i ? head.setAttribute('aria-sort', down ? 'descending' : 'ascending') : head.removeAttribute('aria-sort')));
    fillBody();
  }}, column.title)));
  fillBody();
  return el('div.scroll', {tabindex: '0'}, el('table', {}, el('thead', {}, el('tr', {}, heads)), body));
};
const useTable = (part, name) => {
  const count = (key, value) => ({title: t(key), value, show: (row) => number(value(row))});
  const delay = (key, which) => ({title: t(key), value: (row) => (row.answer ? row.answer[which] : -1), show: (row) => (row.answer ? span(row.answer[which]) : '–')});
  const detail = (group, counts) => el('ul.reasons', {}, Object.entries(counts).map(([key, n]) => el('li', {}, `${word(group, key)} ${number(n)}`)));
  return [table([
    {title: t('column.name'), value: (row) => name(row.name)},
    count('column.queries', (row) => row.queries), count('column.permits', (row) => row.permits),
    {title: t('column.outcomes'), wide: true, value: (row) => sum(row.outcomes), show: (row) => detail('outcome', row.outcomes)},
    {title: t('column.refusals'), wide: true, value: (row) => sum(row.refusals), show: (row) => detail('reason', row.refusals)},
    count('column.receipts', (row) => row.receipts), delay('column.median', 'p50'), delay('column.p99', 'p99')], part.all), leftOut(part)];
};
const statisticsSection = () => section('statistics', t('statistics.title'), el('p', {}, t('statistics.about')),
    el('h3', {}, t('statistics.procedures')), useTable(DATA.procedures, (name) => word('procedure', name)),
    el('h3', {}, t('statistics.unused')), DATA.unused.all.length ? el('ul', {}, DATA.unused.all.map((name) => el('li', {}, word('procedure', name)))) : el('p', {}, t(DATA.all_use_seen ? 'statistics.all_used' : 'statistics.use_unseen')), leftOut(DATA.unused),
    el('h3', {}, t('statistics.requesters')), useTable(DATA.requesters, institution),
    el('h3', {}, t('statistics.providers')), useTable(DATA.providers, institution));

const logsTable = () => {
  const count = (key, value) => ({title: t(key), value, show: (log) => number(value(log))});
  return [table([
    {title: t('column.log'), value: (log) => institution(log.log)},
    {title: t('column.sound'), wide: true, value: (log) => (log.sound ? 1 : 0), show: (log) => el('span.whole', {}, mark(log.sound), ' ', t(log.sound ? 'log.sound' : 'log.unsound'))},
    {title: t('column.signature'), wide: true, value: (log) => log.key, show: (log) => el('span', {'data-signature': log.log}, signatureMark(log.log))},
    count('column.entries', (log) => log.size), {title: t('column.checkpoint'), wide: true, value: (log) => log.checkpoint_ms, show: (log) => el('span.whole', {}, time(log.checkpoint_ms))},
    {title: t('column.cosigned'), wide: true, value: (log) => log.cosigned_size, show: (log) => (log.cosigned_size ? fill('log.cosigned', {n: number(log.cosigned_size), by: log.cosigned_by.join(language ? '、' : ', ')}) : '–')},
    count('column.erased', (log) => log.erased), count('column.out_of_scope', (log) => log.out_of_scope), count('column.absent', (log) => log.absent), count('column.unreadable', (log) => log.unreadable),
    count('column.unread', (log) => log.unread), count('column.not_judged', (log) => log.not_judged)], DATA.logs.all), leftOut(DATA.logs)];
};

