/** @import { EndpointFeed, Listed, ModelFeed, PoolFeed, ProblemFeed, StateFeed } from '../wire.ts' */
import { meter, shareBar } from './bars.js'
import { byId, make, setText, syncChildren } from './dom.js'
import { ask } from './feed.js'
import { count, dash, duration, percent, rate } from './format.js'
import { Table } from './table.js'

/** A search waits for the fingers to rest, milliseconds. */
const searchDelayMs = 250
/** What a search has found is looked for again after so many states. */
const statesPerSearch = 5
/** Metrics of this age are not to be trusted, milliseconds. */
const oldMs = 10_000

/** @type {Table<PoolFeed>} */
const pools = new Table(
  byId('pools-table'),
  'Pools',
  'No pools: a body router alone, or no InferencePool is served yet.',
  ({ key }) => key,
  [
    { title: 'pool', isWide: true, text: ({ key }) => key },
    {
      title: 'saturation',
      fill: (cell, { saturation }) => cell.replaceChildren(meter(saturation)),
    },
    {
      title: 'endpoints',
      isNumber: true,
      text: ({ endpoints, reachable }) => (endpoints === reachable ? `${endpoints}` : `${reachable} of ${endpoints}`),
      classOf: ({ endpoints, reachable }) => (reachable < endpoints || endpoints === 0 ? 'is-bad-text' : ''),
    },
    { title: 'in flight', isNumber: true, text: ({ inFlight }) => count(inFlight) },
    {
      title: 'waiting here',
      isNumber: true,
      text: ({ waiting }) => {
        const all = waiting.filter(({ requests }) => requests > 0)
        return all.length === 0
          ? '0'
          : all.map(({ priority, requests }) => `${requests} (priority ${priority})`).join(', ')
      },
    },
    { title: 'queue', isNumber: true, text: ({ queued }) => count(queued) },
    { title: 'running', isNumber: true, text: ({ running }) => count(running) },
    { title: 'KV cache', fill: (cell, { kvUsage }) => cell.replaceChildren(meter(kvUsage)) },
  ],
)

/** @type {Table<EndpointFeed>} */
const endpoints = new Table(
  byId('endpoints-table'),
  'Endpoints',
  'No endpoints: no ready server has the labels that a pool selects.',
  ({ address }) => address,
  [
    {
      title: 'endpoint',
      isWide: true,
      fill: (cell, { name, address, pool }) =>
        cell.replaceChildren(name, make('span', { class: 'sub' }, `${address} · ${pool}`)),
    },
    {
      title: 'state',
      isWide: true,
      text: stateOf,
      classOf: (endpoint) => (stateOf(endpoint) === 'ok' ? 'is-good-text' : 'is-bad-text'),
    },
    { title: 'picks/s', isNumber: true, text: ({ picks }) => rate(picks) },
    { title: 'in flight', isNumber: true, text: ({ inFlight }) => count(inFlight) },
    { title: 'queue', isNumber: true, text: ({ queued }) => count(queued) },
    { title: 'running', isNumber: true, text: ({ running }) => count(running) },
    { title: 'KV cache', fill: (cell, { kvUsage }) => cell.replaceChildren(meter(kvUsage)) },
    {
      title: 'adapters',
      isWide: true,
      text: ({ adapters, maxAdapters }) =>
        maxAdapters === 0
          ? dash
          : `${adapters.length} of ${maxAdapters}${adapters.length > 0 ? ': ' : ''}${adapters.join(', ')}`,
    },
  ],
)

/** @param {EndpointFeed} endpoint */
function stateOf({ isReachable, ageMs }) {
  if (!isReachable) return 'unreachable'
  if (ageMs === null) return 'no metrics yet'
  return ageMs > oldMs ? `metrics are ${duration(ageMs / 1000)} old` : 'ok'
}

/** @type {Table<ModelFeed>} */
const models = new Table(
  byId('models-table'),
  'Models and canaries',
  'No InferenceModel, InferenceModelRewrite or HTTPRoute names a model.',
  ({ name, pool, source }) => `${name} ${pool} ${source}`,
  [
    {
      title: 'model',
      isWide: true,
      fill: (cell, { name, source, pool, stickyBy }) =>
        cell.replaceChildren(
          make('b', {}, name),
          make(
            'span',
            { class: 'sub' },
            `${source} · pool ${pool}${stickyBy === null ? '' : ` · sticky by ${stickyBy}`}`,
          ),
        ),
    },
    { title: 'requests/s', isNumber: true, text: ({ requests }) => rate(requests) },
    {
      title: 'errors/s',
      isNumber: true,
      text: ({ errors }) => rate(errors),
      classOf: ({ errors }) => (errors > 0 ? 'is-bad-text' : ''),
    },
    {
      title: 'targets',
      isWide: true,
      fill: (cell, { targets, rollout }) =>
        cell.replaceChildren(
          ...targets.map(({ name, share, requests }) =>
            shareBar(share, `${name} ${percent(share)}, ${rate(requests)}/s`, rollout?.target === name),
          ),
        ),
    },
    { title: 'rollout', isWide: true, fill: (cell, model) => cell.replaceChildren(...rolloutOf(model)) },
  ],
)

/** @type {Readonly<Record<string, string>>} */
const phaseClasses = {
  RolledBack: 'is-bad-text',
  Aborted: 'is-bad-text',
  Paused: 'is-warn-text',
  Completed: 'is-good-text',
}

/**
 * @param {ModelFeed} model
 * @returns {(Node | string)[]}
 */
function rolloutOf({ rollout }) {
  if (rollout === null) return [dash]
  const { phase, steps, step, message, weightPercent, target } = rollout
  const way = steps.map((weight, i) => (i === step ? `[${weight} %]` : `${weight} %`)).join(' → ')
  return [
    make('span', { class: `phase ${phaseClasses[phase] ?? ''}` }, phase),
    ` ${target} at ${weightPercent} %`,
    ...(way === '' ? [] : [make('span', { class: 'sub' }, way)]),
    ...(message === '' ? [] : [make('span', { class: 'sub' }, message)]),
  ]
}

/**
 * @template Item
 * @param {Listed<Item>} listed
 * @param {string} what
 * @param {boolean} isFound by a search
 */
const noteOf = ({ total, shown }, what, isFound) =>
  total > shown.length
    ? `${isFound ? 'The first' : 'The busiest'} ${shown.length} of ${total.toLocaleString('en-US')} ${what}${isFound ? ' found' : ''}; ${isFound ? 'more of the name finds fewer' : 'search for the others'}.`
    : ''

/**
 * A table that shows the busiest, or what a search has found.
 * @template Item
 * @param {string} id of the input
 * @param {string} path
 * @param {Table<Item>} table
 * @param {string} what
 * @returns {(listed: Listed<Item>) => void}
 */
function searchable(id, path, table, what) {
  const input = /** @type {HTMLInputElement} */ (byId(id))
  /** @type {Listed<Item> | undefined} */
  let latest
  let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined)
  let states = 0
  const search = async () => {
    const text = input.value.trim()
    if (text === '') {
      if (latest !== undefined) table.show(latest.shown, noteOf(latest, what, false))
      return
    }
    const response = await ask(`${path}?search=${encodeURIComponent(text)}`).catch(() => undefined)
    if (response?.ok !== true || input.value.trim() !== text) return
    const found = /** @type {Listed<Item>} */ (await response.json())
    table.show(found.shown, found.total === 0 ? `Nothing has “${text}” in its name.` : noteOf(found, what, true))
  }
  input.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(search, searchDelayMs)
  })
  return (listed) => {
    latest = listed
    if (input.value.trim() === '') table.show(listed.shown, noteOf(listed, what, false))
    else if (states++ % statesPerSearch === 0) void search()
  }
}

const showEndpoints = searchable('endpoints-search', 'state/endpoints', endpoints, 'endpoints')
const showModels = searchable('models-search', 'state/models', models, 'models')

/** @param {StateFeed} state */
export function showSections(state) {
  pools.show(state.pools.shown, noteOf(state.pools, 'pools', false))
  showEndpoints(state.endpoints)
  showModels(state.models)
  showProblems(state.problems)
}

/** @param {Listed<ProblemFeed>} problems */
function showProblems({ total, shown }) {
  const badge = byId('problem-count')
  badge.hidden = total === 0
  setText(badge, total === 0 ? '' : `${total}`)
  const errors = shown.filter(({ severity }) => severity === 'error').length
  byId('alarm').hidden = errors === 0
  if (errors > 0) {
    const link = make('a', { href: '#problems' }, 'see them below')
    const text = `${errors} ${errors === 1 ? 'error' : 'errors'} in the resources: what they name is not used, or the last good version of it. `
    if (byId('alarm-text').textContent !== `${text}see them below`) byId('alarm-text').replaceChildren(text, link)
  }
  const list = byId('problems-list')
  if (total === 0) {
    if (list.querySelector('.none') === null) {
      list.replaceChildren(
        make(
          'div',
          { class: 'list' },
          make('p', { class: 'none' }, 'None. signalbox check looks for more than a running service can see.'),
        ),
      )
    }
    return
  }
  let rows = list.querySelector('.rows')
  if (rows === null) {
    rows = make('div', { class: 'list rows' })
    list.replaceChildren(rows)
  }
  syncChildren(
    rows,
    shown,
    ({ place, path, message }) => `${place} ${path} ${message}`,
    ({ severity, place, path, message }) =>
      make(
        'div',
        { class: 'problem-row' },
        make(
          'p',
          {},
          make('span', { class: severity === 'error' ? 'is-bad-text' : 'is-warn-text' }, severity),
          ' ',
          make('code', {}, `${place} ${path}`.trim()),
        ),
        make('p', {}, message),
      ),
    () => {},
  )
}
