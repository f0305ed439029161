/** @import { Recent } from './recent.js' */
/** @import { StateFeed } from '../wire.ts' */
import { byId, make, setText, syncChildren } from './dom.js'
import { count, duration, percent, rate } from './format.js'

/** Seconds whose mean is shown: one alone jumps. */
const seconds = 5

/** @typedef {{ name: string, value: string, unit: string, isBad?: boolean }} Figure */

/**
 * The few figures that say whether all is well.
 * @param {StateFeed} state
 * @param {Recent} recent
 */
export function showNow(state, recent) {
  const last = recent.of('sent').length - 1
  const mean = (/** @type {import('../wire.ts').SampleField} */ field) => {
    const values = recent
      .of(field)
      .slice(-seconds)
      .filter((value) => value !== null)
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length
  }
  const level = (/** @type {import('../wire.ts').SampleField} */ field) => recent.of(field)[last] ?? null
  const errors = (mean('serverErrors') ?? 0) + (mean('refused') ?? 0)
  const shed = mean('shed') ?? 0
  const saturations = state.pools.shown.map(({ saturation }) => saturation ?? 0)
  const fullest = saturations.length === 0 ? null : Math.max(...saturations)
  /** @type {Figure[]} */
  const figures = [
    { name: 'Requests', value: rate(mean('sent')), unit: '/s' },
    { name: 'First token, p50', value: duration(mean('ttftP50Seconds')), unit: '' },
    { name: 'First token, p90', value: duration(mean('ttftP90Seconds')), unit: '' },
    { name: 'Output tokens', value: rate(mean('outputTokens')), unit: '/s' },
    { name: 'Fullest pool', value: percent(fullest), unit: '', isBad: (fullest ?? 0) >= 1 },
    { name: 'Waiting here', value: count(level('waiting')), unit: '' },
    { name: 'Shed', value: rate(shed), unit: '/s', isBad: shed > 0 },
    { name: 'Errors', value: rate(errors), unit: '/s', isBad: errors > 0 },
  ]
  syncChildren(
    byId('now'),
    figures,
    ({ name }) => name,
    ({ name }) => make('div', {}, make('dt', {}, name), make('dd', {}, make('span'), make('small'))),
    (element, { value, unit, isBad }) => {
      element.className = isBad ? 'is-bad' : ''
      const [figure, of] = /** @type {Element} */ (element.lastElementChild).children
      setText(figure, value)
      setText(of, unit)
    },
  )
}
