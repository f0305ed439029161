/** Numbers as people read them. What is not known is a dash. */

export const dash = '–'

/**
 * How many there are.
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function count(value) {
  if (value === null || value === undefined) return dash
  return Number(value.toFixed(value < 10 ? 1 : 0)).toLocaleString('en-US')
}

/**
 * How many a second.
 * @param {number | null | undefined} value
 * @returns {string}
 */
export function rate(value) {
  if (value === null || value === undefined) return dash
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(value < 0.1 ? 2 : 1) : Math.round(value).toLocaleString('en-US')
}

/**
 * @param {number | null | undefined} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return dash
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/**
 * @param {number | null | undefined} share 0 to 1
 * @returns {string}
 */
export function percent(share) {
  if (share === null || share === undefined) return dash
  return `${Number((100 * share).toFixed(1))} %`
}

/**
 * The time of day, with milliseconds.
 * @param {string} iso
 * @returns {string}
 */
export function timeOfDay(iso) {
  const at = new Date(iso)
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}
