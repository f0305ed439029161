/** @import { Recent, Values } from './recent.js' */
import { count, duration, percent, rate } from './format.js'

/** Endpoints that have a line of their own. */
const maxLines = 8

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
export const plans = [
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
