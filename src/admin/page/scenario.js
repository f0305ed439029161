/** @import { ScenarioFeed, ScenarioSeries, Unit } from '../../demo/scenario-feed.ts' */
import { byId, make, setText, syncChildren } from './dom.js'
import { count, dash, duration, rate } from './format.js'
import { dashes, sampleOf } from './line-styles.js'
import uPlot from './uplot.js'

/**
 * The panel of a demo's scenario. The page of a service has none: only a demo names this module in the document, and answers what
 * it asks for.
 */

const everyMs = 1000
const plotHeight = 190

const panel = byId('scenario')
const head = make('h2', { id: 'scenario-title' })
const says = make('p', { class: 'hint' })
const progress = make('p', { class: 'hint', role: 'status' })
const plots = make('div', { class: 'figures' })
const summary = make('div', { class: 'table' })
const verdict = make('p', { class: 'verdict', role: 'status' })
panel.setAttribute('aria-labelledby', head.id)
panel.removeAttribute('aria-label')
panel.append(head, says, plots, summary, verdict, progress)

/** @type {ScenarioPlot[]} */
let drawn = []

/** @param {ScenarioFeed} feed */
function show(feed) {
  panel.hidden = false
  setText(head, feed.title)
  setText(says, feed.says)
  if (drawn.length === 0) drawn = feed.series.map(({ name }) => new ScenarioPlot(name))
  for (const [i, plot] of drawn.entries()) plot.draw(feed.series[i], feed)
  showSummary(feed)
  setText(verdict, feed.verdict?.text ?? '')
  verdict.classList.toggle('is-good-text', feed.verdict?.isKept === true)
  verdict.classList.toggle('is-bad-text', feed.verdict?.isKept === false)
  setText(progress, [wayOf(feed), ...feed.events.map(({ atS, text }) => `${Math.round(atS)} s: ${text}`)].join(' · '))
}

/** @param {ScenarioFeed} feed */
function wayOf({ phase, timesS, lengthS, measured }) {
  if (phase === 'over') {
    const from = measured.fromS === 0 ? '' : ` after the first ${Math.round(measured.fromS)} s, in which caches fill`
    const busy = `this machine was ${(100 * measured.machineBusy).toFixed(0)} % busy`
    return `Measured: ${count(measured.requests)} requests to each side${from}; ${busy}`
  }
  return `${Math.round(timesS.at(-1) ?? 0)} s of ${lengthS} s, ${phase === 'warming up' ? phase : 'measuring'}`
}

/** @param {ScenarioFeed} feed */
function showSummary({ sides, summary: figures }) {
  let body = summary.querySelector('tbody')
  if (body === null) {
    const heads = sides.map((side) => make('th', { scope: 'col', class: 'number' }, side))
    body = make('tbody')
    const label = { 'aria-label': 'Measured on both sides' }
    summary.append(
      make('table', label, make('thead', {}, make('tr', {}, make('th', { scope: 'col' }), ...heads)), body),
    )
  }
  syncChildren(
    body,
    figures,
    ({ name }) => name,
    ({ name }) =>
      make('tr', {}, make('th', { scope: 'row' }, name), ...sides.map(() => make('td', { class: 'number' }))),
    (row, { values, unit }) => {
      for (const [side, value] of values.entries()) setText(row.children[side + 1], textOf(value, unit))
    },
  )
}

/** One series of both sides, over the time of the scenario. */
class ScenarioPlot {
  #area = make('div', { class: 'plot tall', role: 'img' })
  #legend = make('ul', { class: 'legend' })
  /** @type {uPlot | undefined} */
  #plot

  /** @param {string} name */
  constructor(name) {
    const title = make('h3', { id: `scenario-${name.replaceAll(/\W+/g, '-')}` }, name)
    this.#area.setAttribute('aria-labelledby', title.id)
    plots.append(make('figure', {}, make('figcaption', {}, title), this.#area, this.#legend))
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#area)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot?.destroy()
      this.#plot = undefined
      if (latest !== undefined) this.draw(latest.series[drawn.indexOf(this)], latest)
    })
  }

  /**
   * @param {ScenarioSeries} series
   * @param {ScenarioFeed} feed
   */
  draw({ unit, points }, { timesS, sides, lengthS }) {
    const data = /** @type {uPlot.AlignedData} */ (/** @type {unknown} */ ([timesS, ...points]))
    if (this.#plot === undefined) this.#plot = new uPlot(this.#options(unit, lengthS), data, this.#area)
    else this.#plot.setData(data)
    syncChildren(
      this.#legend,
      sides.map((side, i) => ({ side, i })),
      ({ side }) => side,
      ({ side, i }) => make('li', {}, sampleOf(i), make('span', { class: 'name' }, side), make('b')),
      (element, { i }) =>
        setText(/** @type {Element} */ (element.lastElementChild), textOf(points[i].at(-1) ?? null, unit)),
    )
  }

  #size() {
    return { width: Math.max(120, this.#area.clientWidth), height: plotHeight }
  }

  /**
   * @param {Unit} unit
   * @param {number} lengthS
   * @returns {uPlot.Options}
   */
  #options(unit, lengthS) {
    const colours = getComputedStyle(document.documentElement)
    const colour = (/** @type {string} */ name) => colours.getPropertyValue(name).trim()
    const axis = {
      stroke: colour('--soft'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: colour('--grid'), width: 1 },
      ticks: { show: false },
    }
    return {
      ...this.#size(),
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [0, lengthS] },
        y: { range: (_, __, most) => [0, Math.max(most * 1.1, 0.1)] },
      },
      axes: [
        { ...axis, size: 22, gap: 3, values: (_, times) => times.map((time) => `${time} s`) },
        { ...axis, size: 56, gap: 4, space: 28, values: (_, values) => values.map((value) => textOf(value, unit)) },
      ],
      series: [
        {},
        ...[0, 1].map((i) => ({
          stroke: colour(`--series-${i + 1}`),
          width: i === 0 ? 2 : 1.5,
          dash: dashes[i],
          points: { show: false },
        })),
      ],
    }
  }
}

/**
 * @param {number | null} value
 * @param {Unit} unit
 */
function textOf(value, unit) {
  if (value === null) return dash
  switch (unit) {
    case 'ms':
      return duration(value / 1000)
    case '%':
      return `${Number(value.toFixed(value < 10 ? 1 : 0))} %`
    case '/s':
      return `${rate(value)}/s`
    case '':
      return count(value)
  }
}

/** @type {ScenarioFeed | undefined} */
let latest

/** Follows the scenario until it is over. */
async function follow() {
  while (latest?.phase !== 'over') {
    const response = await fetch('scenario', { cache: 'no-store' }).catch(() => undefined)
    if (response?.ok === true && !document.hidden) {
      latest = /** @type {ScenarioFeed} */ (await response.json())
      show(latest)
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

void follow()
