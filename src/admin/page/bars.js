import { make } from './dom.js'
import { percent } from './format.js'

/**
 * A bar with its value beside it.
 * @param {number | null} share 0 to 1, more counts as full
 * @param {string} [text]
 * @returns {HTMLElement}
 */
export function meter(share, text = percent(share)) {
  if (share === null) return make('span', { class: 'soft' }, text)
  const fill = make('div', { class: 'fill' })
  fill.style.width = `${100 * Math.min(1, share)}%`
  const track = make('span', { class: 'track', 'aria-hidden': 'true' }, fill)
  return make('span', { class: share >= 0.9 ? 'meter is-full' : 'meter' }, track, text)
}

/**
 * The part of the requests that a target gets.
 * @param {number} share 0 to 1
 * @param {string} text
 * @param {boolean} isNew it is being rolled out
 * @returns {HTMLElement}
 */
export function shareBar(share, text, isNew) {
  const fill = make('div', { class: 'fill' })
  fill.style.width = `${100 * share}%`
  const track = make('div', { class: 'track', 'aria-hidden': 'true' }, fill)
  return make('div', { class: isNew ? 'share is-new' : 'share' }, track, make('span', {}, text))
}
