/** @import { ExplainedEndpoint, ExplainedProfile, ExplainedRule, Explanation } from '../../explain/explanation.ts' */
import { make } from './dom.js'
import { count, percent } from './format.js'

/**
 * All that is known of one decision, from its answer to its details.
 * @param {Explanation} explanation
 * @returns {HTMLElement}
 */
export function explanationOf(explanation) {
  const json = make('details', {}, make('summary', {}, 'as JSON'))
  json.addEventListener('toggle', () => {
    if (json.open && json.children.length === 1)
      json.append(make('pre', { tabindex: '0' }, JSON.stringify(explanation, null, 2)))
  })
  return make(
    'div',
    { class: 'explanation' },
    make('p', { class: 'answer' }, explanation.summary),
    ...explanation.findings.map(({ severity, place, path, message, remedy }) =>
      make(
        'div',
        { class: severity === 'error' ? 'finding is-error' : 'finding' },
        make('p', {}, make('b', {}, severity === 'error' ? 'wrong: ' : 'mind: '), message),
        ...(remedy === '' ? [] : [make('p', {}, `what to do: ${remedy}`)]),
        ...(place === '' ? [] : [make('p', { class: 'soft' }, make('code', {}, `${place} ${path}`.trim()))]),
      ),
    ),
    facts(explanation),
    ...endpointsOf(explanation),
    json,
  )
}

/** @param {Explanation} explanation */
function facts({ request, body, model, pool, priority, admission, sent, answer, route, nearNames }) {
  /** @type {[string, string | undefined][]} */
  const rows = [
    ['request', join([request.method, request.path, request.host && `host ${request.host}`], ' ')],
    [
      'does not count',
      join(request.spoofedHeaders) && `${join(request.spoofedHeaders)}: headers that clients may not set`,
    ],
    [
      'body',
      `${body.format}, ${count(body.bytesRead)} bytes read, decided ${body.decided}${body.error === undefined ? '' : `: ${body.error}`}`,
    ],
    ['model', model && modelText(model)],
    [
      'targets',
      model && model.targets.length > 1
        ? model.targets
            .map(({ name, share, isChosen }) => `${name} ${percent(share)}${isChosen ? ' (this one)' : ''}`)
            .join(', ')
        : undefined,
    ],
    [
      'did not count',
      model &&
        join(
          model.losers.map(
            ({ resource, place, why }) => `${resource}${place === undefined ? '' : ` (${place})`}: ${why}`,
          ),
          '; ',
        ),
    ],
    ['near names', join(nearNames)],
    [
      'pool',
      pool &&
        `${pool.key}, by ${whyPool[pool.why]}${pool.place === undefined ? '' : ` (${pool.place})`}; selects ${join(pool.selector)}`,
    ],
    ['priority', priority && `${priority.value}, by ${priority.source?.resource ?? priority.why}`],
    ['admission', admission && `${admission.verdict}: ${admission.why} (saturation ${percent(admission.saturation)})`],
    [
      'headers set',
      sent &&
        join(
          sent.set.map(([name, value]) => `${name}: ${value}`),
          '\n',
        ),
    ],
    ['headers removed', sent && join(sent.removed)],
    ['route at first', route && ruleText(route.first)],
    ['route at last', route && ruleText(route.last)],
    ['to know', route && join(route.notes, '; ')],
    ['answer', answer && `${answer.status}${answer.code === undefined ? '' : ` ${answer.code}`}: ${answer.message}`],
  ]
  const list = make('dl')
  for (const [name, text] of rows) {
    if (text === undefined || text === '') continue
    const lines = text.split('\n').flatMap((line, i) => (i === 0 ? [line] : [make('br'), line]))
    list.append(make('dt', {}, name), make('dd', {}, ...lines))
  }
  return list
}

/** @type {Readonly<Record<NonNullable<Explanation['pool']>['why'], string>>} */
const whyPool = {
  metadata: 'the metadata of the stream',
  model: 'the rule of the model',
  rewrite: 'the rewrite of the model',
  route: 'the HTTPRoute that matches the model',
  'only pool': 'being the only one',
}

/** @param {NonNullable<Explanation['model']>} model */
function modelText({ asked, target, source, drawnBy, baseModel }) {
  const by =
    source === undefined ? '' : `, by ${source.resource}${source.place === undefined ? '' : ` (${source.place})`}`
  const drawn = drawnBy === undefined ? '' : `, drawn by ${drawnBy}`
  return `${asked} → ${target}${by}${drawn}${baseModel === undefined ? '' : `, adapter of ${baseModel}`}`
}

/** @param {ExplainedRule | undefined} rule */
function ruleText(rule) {
  if (rule === undefined) return 'none matches: Envoy answers 404'
  const backends = rule.backends.map(({ name, weight }) => `${name}${rule.backends.length > 1 ? ` (${weight})` : ''}`)
  return `${rule.resource}, rule ${rule.rule}: ${rule.matches} → ${join(backends)}`
}

/**
 * @param {readonly (string | undefined)[]} parts
 * @param {string} [between]
 */
const join = (parts, between = ', ') => parts.filter((part) => part !== undefined && part !== '').join(between)

/**
 * A table for each profile: what each scorer gave to each endpoint, and what filters took away.
 * @param {Explanation} explanation
 * @returns {HTMLElement[]}
 */
function endpointsOf({ profiles, endpoints, endpointCount }) {
  const byAddress = new Map(endpoints.map((endpoint) => [endpoint.address, endpoint]))
  const more = endpointCount - endpoints.length
  return profiles.flatMap((profile) => [
    make('h3', {}, `Endpoints${profiles.length > 1 ? `, profile ${profile.name}` : ''}`),
    make(
      'div',
      { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': `Scores of profile ${profile.name}` },
      scores(profile, byAddress),
    ),
    ...(more > 0 ? [make('p', { class: 'hint' }, `and ${more} more`)] : []),
  ])
}

/**
 * @param {ExplainedProfile} profile
 * @param {ReadonlyMap<string, ExplainedEndpoint>} byAddress
 */
function scores(profile, byAddress) {
  const heads = [
    'endpoint',
    'verdict',
    'total',
    ...profile.scorers.map(({ plugin, weight }) => `${plugin} × ${weight}`),
  ]
  const rows = profile.candidates.map((address) => {
    const i = profile.scored.indexOf(address)
    const filter = profile.filters.find(({ removed }) => removed.includes(address))
    const rank = profile.picked.indexOf(address)
    const total = i < 0 ? undefined : profile.totals[i]
    return {
      order: rank >= 0 ? 1e9 - rank : (total ?? -1),
      cells: [
        nameOf(address, byAddress),
        filter !== undefined
          ? `taken away by ${filter.plugin}`
          : rank === 0
            ? 'picked'
            : rank > 0
              ? `fallback ${rank}`
              : '',
        total === undefined ? '' : total.toFixed(2),
        ...profile.scorers.map(({ scores: its }) => (i < 0 ? '' : its[i].toFixed(2))),
      ],
    }
  })
  rows.sort((a, b) => b.order - a.order)
  const isNumber = (/** @type {number} */ i) => i > 1
  return make(
    'table',
    {},
    make('caption', { class: 'visually-hidden' }, `Scores of profile ${profile.name}, picker ${profile.picker}`),
    make(
      'thead',
      {},
      make(
        'tr',
        {},
        ...heads.map((head, i) => make('th', { scope: 'col', ...(isNumber(i) && { class: 'number' }) }, head)),
      ),
    ),
    make(
      'tbody',
      {},
      ...rows.map(({ cells }) =>
        make('tr', {}, ...cells.map((cell, i) => make('td', isNumber(i) ? { class: 'number' } : {}, cell))),
      ),
    ),
  )
}

/**
 * @param {string} address
 * @param {ReadonlyMap<string, ExplainedEndpoint>} byAddress
 */
function nameOf(address, byAddress) {
  const endpoint = byAddress.get(address)
  return endpoint === undefined ? address : `${endpoint.name} (${address})`
}
