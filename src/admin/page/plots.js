/** @import { Recent, Values } from './recent.js' */
import { make, setText, syncChildren } from './dom.js'
import { count, duration, percent, rate } from './format.js'
import uPlot from './uplot.js'

/** Endpoints that have a line of their own. */
const maxLines = 8
const plotHeight = 140
/** From left to right, as many as the server keeps. */
const shownSeconds = 300
/** Each line differs by its dashes, too. */
export const dashes = [[], [6, 4], [2, 3], [10, 3, 2, 3], [1, 2], [12, 4], [4, 2, 1, 2], [8, 2, 2, 2, 2, 2]]

/** @typedef {{ name: string, values: Values }} Line */

/**
 * @typedef {object} Plan
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {(value: number | null | undefined) => string} format
 * @property {(recent: Recent) => Line[]} lines
 * @property {number} [top] of the scale, where it is known
 */

/** @type {readonly Plan[]} */
const plans = [
  {
    id: 'requests',
    title: 'Requests',
    unit: 'per second',
    format: rate,
    lines: (recent) => [{ name: 'sent on', values: recent.of('sent') }],
  },
  {
    id: 'ttft',
    title: 'Time to first token',
    unit: 'seconds',
    format: duration,
    lines: (recent) => [
      { name: 'p90', values: recent.of('ttftP90Seconds') },
      { name: 'p50', values: recent.of('ttftP50Seconds') },
    ],
  },
  {
    id: 'queue',
    title: 'Queue',
    unit: 'requests',
    format: count,
    lines: (recent) => [
      { name: 'waiting here', values: recent.of('waiting') },
      { name: 'waiting at servers', values: recent.of('queuedAtServers') },
      { name: 'in flight', values: recent.of('inFlight') },
    ],
  },
  {
    id: 'kv',
    title: 'KV cache in use',
    unit: 'of each endpoint',
    format: percent,
    top: 1,
    lines: (recent) => {
      const most = busiest(recent, 'kvUsage', maxLines - 1)
      return [{ name: 'average', values: recent.of('kvUsage') }, ...most]
    },
  },
  {
    id: 'picks',
    title: 'Picks',
    unit: 'per second, by endpoint',
    format: rate,
    lines: (recent) => busiest(recent, 'picks', maxLines),
  },
  {
    id: 'prefix',
    title: 'Prefix hits',
    unit: 'share of the prompts',
    format: percent,
    top: 1,
    lines: (recent) => [{ name: 'known to the endpoint', values: recent.of('prefixHitShare') }],
  },
  {
    id: 'shed',
    title: 'Shed',
    unit: 'per second',
    format: rate,
    lines: (recent) => [{ name: 'shed: no room (429, 503)', values: recent.of('shed') }],
  },
  {
    id: 'errors',
    title: 'Errors',
    unit: 'per second',
    format: rate,
    lines: (recent) => [
      { name: 'of servers (5xx)', values: recent.of('serverErrors') },
      { name: 'refused here', values: recent.of('refused') },
    ],
  },
]

/**
 * @param {Recent} recent
 * @param {'picks' | 'kvUsage'} field
 * @param {number} most
 * @returns {Line[]}
 */
const busiest = (recent, field, most) =>
  recent.endpoints.slice(0, most).map((endpoint) => ({ name: endpoint.name, values: endpoint[field] }))

/** All plots, side by side. */
export class Plots {
  /** @param {HTMLElement} parent */
  constructor(parent) {
    /** @type {Plot[]} */
    this.plots = plans.map((plan) => new Plot(parent, plan))
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const plot of this.plots) plot.renew()
    })
  }

  /** @param {Recent} recent */
  draw(recent) {
    for (const plot of this.plots) plot.draw(recent)
  }
}

class Plot {
  /** @type {Plan} */
  #plan
  #area = make('div', { class: 'plot' })
  #legend = make('ul', { class: 'legend' })
  #table = make('div')
  #details
  /** @type {uPlot | undefined} */
  #plot
  /** Names of the lines that it was made for. */
  #names = ''
  /** @type {Recent | undefined} */
  #recent
  #isInSight = true

  /**
   * @param {HTMLElement} parent
   * @param {Plan} plan
   */
  constructor(parent, plan) {
    this.#plan = plan
    const titleId = `plot-${plan.id}`
    this.#details = make('details', {}, make('summary', {}, 'as a table'), this.#table)
    this.#details.addEventListener('toggle', () => this.#fillTable())
    this.#area.setAttribute('role', 'img')
    this.#area.setAttribute('aria-labelledby', titleId)
    const caption = make(
      'figcaption',
      {},
      make('h3', { id: titleId }, plan.title),
      make('span', { class: 'unit' }, plan.unit),
    )
    parent.append(make('figure', { 'data-plot': plan.id }, caption, this.#area, this.#legend, this.#details))
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#area)
    // What nobody sees is not drawn.
    new IntersectionObserver(([entry]) => {
      this.#isInSight = entry.isIntersecting
      if (this.#isInSight && this.#recent !== undefined) this.draw(this.#recent)
    }).observe(this.#area)
  }

  /** @param {Recent} recent */
  draw(recent) {
    this.#recent = recent
    if (!this.#isInSight || document.hidden) return
    const lines = this.#plan.lines(recent)
    const names = lines.map(({ name }) => name).join('\0')
    const data = /** @type {uPlot.AlignedData} */ ([recent.times, ...lines.map(({ values }) => values)])
    if (this.#plot === undefined || names !== this.#names) {
      this.#plot?.destroy()
      this.#names = names
      this.#plot = new uPlot(this.#options(lines), data, this.#area)
    } else this.#plot.setData(data)
    this.#fillLegend(lines)
    this.#fillTable()
  }

  /** The colours are others. */
  renew() {
    this.#names = ''
    if (this.#recent !== undefined) this.draw(this.#recent)
  }

  #size() {
    return { width: Math.max(120, this.#area.clientWidth), height: plotHeight }
  }

  /**
   * @param {readonly Line[]} lines
   * @returns {uPlot.Options}
   */
  #options(lines) {
    const { top, format } = this.#plan
    const colours = getComputedStyle(document.documentElement)
    const colour = (/** @type {string} */ name) => colours.getPropertyValue(name).trim()
    const font = '11px system-ui, sans-serif'
    const axis = {
      stroke: colour('--soft'),
      font,
      grid: { stroke: colour('--grid'), width: 1 },
      ticks: { show: false },
    }
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: {
        points: { size: 5 },
        drag: { x: false, y: false },
        sync: { key: 'signalbox' },
      },
      hooks: { setCursor: [() => this.#fillLegend(lines)] },
      scales: {
        x: { range: (_, __, last) => [last - shownSeconds, last] },
        y: { range: (_, __, most) => [0, top ?? Math.max(most * 1.1, 0.1)] },
      },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 3,
          space: 40,
          values: (_, times) =>
            times.map((time) => {
              const at = new Date(time * 1000)
              const two = (/** @type {number} */ number) => String(number).padStart(2, '0')
              return `${two(at.getHours())}:${two(at.getMinutes())}${at.getSeconds() === 0 ? '' : `:${two(at.getSeconds())}`}`
            }),
        },
        { ...axis, size: 48, gap: 4, space: 28, values: (_, values) => values.map((value) => format(value)) },
      ],
      series: [
        {},
        ...lines.map(({ name }, i) => ({
          label: name,
          stroke: colour(`--series-${(i % 8) + 1}`),
          width: i === 0 ? 2 : 1.5,
          dash: dashes[i % dashes.length],
          points: { show: false },
          spanGaps: false,
        })),
      ],
    }
  }

  /** @param {readonly Line[]} lines */
  #fillLegend(lines) {
    const at = this.#plot?.cursor.idx ?? null
    syncChildren(
      this.#legend,
      lines.map((line, i) => ({ line, i })),
      ({ line, i }) => `${i} ${line.name}`,
      ({ line, i }) =>
        make('li', {}, sampleOf(i), make('span', { class: 'name', title: line.name }, line.name), make('b')),
      (element, { line }) => {
        const value = at === null ? line.values.at(-1) : line.values[at]
        setText(/** @type {Element} */ (element.lastElementChild), this.#plan.format(value))
      },
    )
  }

  #fillTable() {
    if (!this.#details.open || this.#recent === undefined) return
    const { title, format, lines } = this.#plan
    const rows = lines(this.#recent).map(({ name, values }) => {
      const known = values.filter((value) => value !== null)
      const mean = known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
      const cells = [values.at(-1), mean, known.length === 0 ? null : Math.max(...known)].map(format)
      return make(
        'tr',
        {},
        make('th', { scope: 'row' }, name),
        ...cells.map((cell) => make('td', { class: 'number' }, cell)),
      )
    })
    const heads = ['now', 'mean', 'most'].map((head) => make('th', { scope: 'col', class: 'number' }, head))
    this.#table.replaceChildren(
      make(
        'table',
        {},
        make('caption', { class: 'visually-hidden' }, `${title}, the last five minutes`),
        make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'line'), ...heads)),
        make('tbody', {}, ...rows),
      ),
    )
  }
}

/**
 * A piece of the line, as the plot draws it.
 * @param {number} i
 */
export function sampleOf(i) {
  const namespace = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(namespace, 'svg')
  for (const [name, value] of Object.entries({ width: '26', height: '8', 'aria-hidden': 'true' }))
    svg.setAttribute(name, value)
  const line = document.createElementNS(namespace, 'line')
  const attributes = {
    x1: '0',
    x2: '26',
    y1: '4',
    y2: '4',
    'stroke-width': '2.5',
    'stroke-dasharray': dashes[i % dashes.length].join(' '),
  }
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value)
  line.style.stroke = `var(--series-${(i % 8) + 1})`
  svg.append(line)
  return svg
}
