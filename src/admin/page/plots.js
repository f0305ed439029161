/** @import { Line, Plan } from './plot-plans.js' */
/** @import { Recent } from './recent.js' */
import { make, setText, syncChildren } from './dom.js'
import { dashes, sampleOf } from './line-styles.js'
import { plans } from './plot-plans.js'
import uPlot from './uplot.js'

const plotHeight = 140
/** From left to right, as many as the server keeps. */
const shownSeconds = 300

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
