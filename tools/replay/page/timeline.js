// Use over time: a stack of ends for each bin, findings and key events above.

const EVENT_SIGNS = {'network-founded': '◆', 'list-published': '▤', 'list-in-force': '▶', 'key-added': '＋', 'key-revoked': '✕', 'erasure': '∅', 'erased': '⊘', 'hold': '▣', 'hold-released': '▢', 'fork-found': '⑂', 'fork-cleared': '○', 'inspection': '◉', 'member-joined': '●', 'route-changed': '↺'};

const drawTimeline = (width) => {
  const {width_ms: step, bins, ends} = DATA.timeline;
  const narrow = width < 520, left = 46, right = 12, top = 64, height = narrow ? 150 : 190, bottom = top + height;
  const times = bins.map(([begin]) => begin);
  const from = times.length ? times[0] : 0, until = times.length ? times[times.length - 1] + step : 1;
  const count = Math.max(1, Math.round((until - from) / step));
  const x = (ms) => left + Math.min(1, Math.max(0, (ms - from) / (until - from))) * (width - left - right);
  const tallest = Math.max(1, ...bins.map(([, counts]) => counts.reduce((a, b) => a + b, 0)));
  const chart = svg('svg.timeline', {viewBox: `0 0 ${width} ${bottom + 34}`, width, height: bottom + 34, role: 'img', 'aria-label': t('timeline.label')});
  for (const part of [0, 0.5, 1]) {
    const y = bottom - part * height;
    chart.append(svg('line.grid', {x1: left, x2: width - right, y1: y, y2: y}),
        svg('text.axis', {x: left - 6, y: y + 4, 'text-anchor': 'end'}, part === 0.5 && tallest < 2 ? '' : number(Math.round(part * tallest))));
  }
  const bar = (width - left - right) / count, thick = Math.max(1, Math.min(bar - 1, 64));
  for (const [begin, counts] of bins) {
    let y = bottom;
    const lines = [];
    counts.forEach((n, i) => {
      if (!n) return;
      const tall = n / tallest * height;
      y -= tall;
      lines.push(`${t('end.' + ends[i])}: ${number(n)}`);
      chart.append(svg(`rect.end-${ends[i]}`, {x: x(begin) + (bar - thick) / 2, y, width: thick, height: tall}));
    });
    chart.append(svg('rect.hit', {x: x(begin), y: top, width: Math.max(1, bar), height},
        svg('title', {}, `${time(begin)} + ${span(step)}\n${lines.join('\n')}`)));
  }
  const row = (label, y) => chart.append(svg('text.axis', {x: 2, y: y + 4}, label));
  row('⚑', 20);
  row('◆', 44);
  // Marks that would lie on each other are one, with their count.
  const cluster = (items, y, draw) => {
    const spots = new Map();
    for (const item of items) {
      const spot = Math.round(x(item.time_ms) / 14);
      spots.set(spot, [...(spots.get(spot) || []), item]);
    }
    for (const group of spots.values()) chart.append(draw(group, x(group[0].time_ms), y));
  };
  const findings = DATA.findings.all.filter((f) => f.time_ms);
  cluster(findings, 20, (group, at, y) => svg('g', {},
      svg('line.stem', {x1: at, x2: at, y1: y + 8, y2: bottom}),
      svg(group.some((f) => DATA.kinds[f.kind].severity === 'finding') ? 'circle.finding' : 'circle.note', {cx: at, cy: y, r: 6}),
      svg('title', {}, group.slice(0, 8).map((f) => `${time(f.time_ms)} ${DATA.kinds[f.kind].title[language]}`).join('\n') + (group.length > 8 ? '\n…' : ''))));
  cluster(DATA.events.all, 44, (group, at, y) => {
    const main = group.find((e) => !['member-joined', 'inspection'].includes(e.kind)) || group[0];
    return svg('g', {}, svg('text.event', {x: at, y: y + 5, 'text-anchor': 'middle'}, EVENT_SIGNS[main.kind] || '·'),
        svg('title', {}, group.slice(0, 12).map((e) => `${time(e.time_ms)} ${eventText(e)}`).join('\n') + (group.length > 12 ? '\n…' : '')));
  });
  const label = (ms) => (step >= 86400000 ? day(ms) : until - from > 86400000 ? `${day(ms).slice(5)} ${clock(ms).slice(0, 5)}` : narrow ? clock(ms) : time(ms));
  chart.append(svg('text.axis', {x: left, y: bottom + 20}, label(from)),
      svg('text.axis', {x: width - right, y: bottom + 20, 'text-anchor': 'end'}, label(until)));
  return chart;
};
const eventText = (e) => {
  const about = ['list-published', 'list-in-force'].includes(e.kind) ? fill('event.version', {n: e.subject}) :
      e.kind === 'network-founded' ? e.subject : institution(e.subject);
  return t('event.' + e.kind) + t('colon') + about;
};
const timelineSection = () => {
  const {ends, bins} = DATA.timeline;
  const sums = ends.map((_, i) => bins.reduce((sum, [, counts]) => sum + counts[i], 0));
  const legend = el('ul.legend', {}, ends.map((end, i) => (sums[i] ? el('li', {}, el('span.swatch.end-' + end, {'aria-hidden': 'true'}), `${t('end.' + end)} ${number(sums[i])}`) : null)));
  const frame = el('div.frame', {'data-draw': 'timeline'});
  const rows = DATA.events.all.map((e) => el('tr', {}, el('td', {}, time(e.time_ms)), el('td', {}, (EVENT_SIGNS[e.kind] || '') + ' ' + eventText(e)), el('td', {}, place(...e.entry))));
  return section('timeline', t('timeline.title'), el('p', {}, fill('timeline.about', {step: span(DATA.timeline.width_ms)})), frame, legend,
      el('details', {}, el('summary', {}, fill('timeline.events', {n: number(DATA.events.all.length)})),
          el('div.scroll', {}, el('table', {}, el('thead', {}, el('tr', {}, ['column.time', 'column.event', 'column.record'].map((key) => el('th', {scope: 'col'}, t(key))))), el('tbody', {}, rows))), leftOut(DATA.events)));
};

