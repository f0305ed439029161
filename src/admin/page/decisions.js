/** @import { DecisionFeed } from '../wire.ts' */
import { byId, make, syncChildren } from './dom.js'
import { explanationOf } from './explanation.js'
import { ask } from './feed.js'
import { dash, timeOfDay } from './format.js'

/** @type {Readonly<Record<string, string>>} */
const outcomeClasses = {
  endpoint: 'is-good-text',
  route: 'is-good-text',
  answered: 'is-good-text',
  waits: 'is-warn-text',
}

const list = make('div', { class: 'list' })
const none = make('p', { class: 'none' }, 'None yet. A few each second are kept, and what is refused.')
byId('decisions-list').append(none, list)

/** Follows the last decisions, while nobody holds the list or has one of them open. @param {readonly DecisionFeed[]} decisions */
export function showDecisions(decisions) {
  const hold = /** @type {HTMLInputElement} */ (byId('decisions-hold'))
  const isRead = list.querySelector('details[open]') !== null || list.contains(document.activeElement)
  if (hold.checked || isRead) return
  none.hidden = decisions.length > 0
  list.hidden = decisions.length === 0
  syncChildren(
    list,
    decisions,
    ({ id }) => String(id),
    entryOf,
    () => {},
  )
}

/** @param {DecisionFeed} decision */
function entryOf({ id, at, outcome, summary, model, target, status }) {
  const which = target === null || target === model ? (model ?? dash) : `${model ?? dash} → ${target}`
  const body = make('div', { class: 'body' })
  const details = make(
    'details',
    {},
    make(
      'summary',
      {},
      make('time', { datetime: at, class: 'soft' }, timeOfDay(at)),
      make(
        'span',
        { class: outcomeClasses[outcome] ?? 'is-bad-text' },
        status === null ? outcome : `${outcome} ${status}`,
      ),
      make('span', { class: 'which' }, which),
      make('span', { class: 'what' }, summary),
    ),
    body,
  )
  details.addEventListener('toggle', async () => {
    if (!details.open || body.children.length > 0) return
    const response = await ask(`state/decision?id=${id}`).catch(() => undefined)
    const text = response === undefined ? 'connection lost' : response.ok ? undefined : await response.text()
    body.replaceChildren(
      response !== undefined && text === undefined ? explanationOf(await response.json()) : make('p', {}, text ?? ''),
    )
  })
  return details
}
