import { endpointTables } from './endpoint-tables.ts'
import type { ExplainedFinding, ExplainedRule, ExplainedSource, Explanation } from './explanation.ts'
import { short } from './summary.ts'
import { wrapped } from './wrap.ts'

/** Columns of a terminal as people have them. */
const width = 80
/** Of the words at the left. */
const labelWidth = 11

/** For people: the answer first, then what is wrong, then the way of the request from top to bottom. */
export function explanationText(explanation: Explanation): string {
  const { summary, findings, notes } = explanation
  const parts = [
    wrapped(summary, width, ''),
    ...findings.map(findingLines),
    sections(explanation),
    ...endpointTables(explanation, width),
    notes.flatMap((note) => wrapped(note, width, '')),
  ]
  return `${parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function findingLines({ severity, place, path, message, remedy, id }: ExplainedFinding): string[] {
  const where = [place, path].filter((each) => each !== '' && each !== 'request').join(' ')
  return [
    ...wrapped(`${severity === 'error' ? 'wrong:' : 'note: '} ${message}`, width, '       '),
    ...(remedy === '' ? [] : wrapped(`   do: ${remedy}`, width, '       ')),
    ...(where === '' ? [] : wrapped(`   at: ${where} [${id}]`, width, '       ')),
  ]
}

function sections(explanation: Explanation): string[] {
  return [
    ...section('request', requestLines(explanation)),
    ...section('body', bodyLines(explanation)),
    ...section('model', modelLines(explanation)),
    ...section('pool', poolLines(explanation)),
    ...section('priority', priorityLines(explanation)),
    ...section('admission', admissionLines(explanation)),
    ...section('sent', sentLines(explanation)),
    ...section('answer', answerLines(explanation)),
    ...section('route', routeLines(explanation)),
  ]
}

function section(label: string, lines: readonly string[]): string[] {
  const indent = ' '.repeat(labelWidth)
  return lines.flatMap((line, i) =>
    wrapped(`${i === 0 ? label.padEnd(labelWidth) : indent}${line}`, width, `${indent}  `),
  )
}

function requestLines({ request }: Explanation): string[] {
  const { method, path, host, contentType, declaredBytes, poolHint, subset, spoofedHeaders, hints } = request
  const head = [method, path].filter((each) => each !== undefined).join(' ') || 'headers were not sent'
  const facts = [
    ...(host === undefined ? [] : [`to ${host}`]),
    ...(declaredBytes === undefined ? [] : [bytes(declaredBytes)]),
    ...(contentType === undefined ? [] : [contentType]),
  ]
  return [
    [head, ...facts].join(', '),
    ...(poolHint === undefined ? [] : [`metadata x-inference-pool: ${poolHint}`]),
    ...(subset === undefined ? [] : [`the proxy allows ${subset.join(', ') || 'no endpoint'}`]),
    ...spoofedHeaders.map((name) => `${name} of the client is removed`),
    ...hints.map(({ name, isTrusted }) => `${name} of the client ${isTrusted ? 'counts' : 'does not count'}`),
  ]
}

const kinds: Readonly<Record<Explanation['body']['format'], string>> = {
  json: 'JSON',
  multipart: 'a form',
  'engine-grpc': "a message of vLLM's gRPC",
  raw: 'not read for a model',
  'unsupported-encoding': 'in an encoding that is not read',
  'unsupported-method': 'of a method that is not known',
}

function bodyLines({ body }: Explanation): string[] {
  const { format, kind, isInference, bytesRead, decided, promptBytes, maxOutputTokens, error } = body
  const place = isInference ? '' : '; models are not asked at this path'
  if (kind === 'none') return [`none${place}`]
  const when =
    decided === 'by the headers' ? 'decided by the headers' : `decided ${decided}, with ${bytes(bytesRead)} read`
  const facts = [
    ...(promptBytes === undefined ? [] : [`prompt ${bytes(promptBytes)}`]),
    ...(maxOutputTokens === undefined ? [] : [`at most ${maxOutputTokens} tokens of answer`]),
  ]
  return [
    [`${kind === 'compressed' ? 'compressed ' : ''}${kinds[format]}`, when, ...facts].join(', ') + place,
    ...(error === undefined ? [] : [error]),
  ]
}

function modelLines({ model, nearNames }: Explanation): string[] {
  if (model === undefined) return ['none is named']
  const { asked, target, source, targets, stickyBy, rollout, losers, baseModel } = model
  return [
    asked === target ? asked : `${asked} → ${target}`,
    ...byLines(model),
    ...(source === undefined ? [] : [sourceText(source)]),
    ...(targets.length < 2 ? [] : [targets.map(({ name, share }) => `${name} ${percent(share)}`).join(', ')]),
    ...(stickyBy === undefined
      ? []
      : [`sticky by ${stickyBy.key}, which this request ${stickyBy.isGiven ? 'has' : 'lacks'}`]),
    ...(rollout === undefined
      ? []
      : [`rollout of ${rollout.target}: ${rollout.phase ?? 'no state yet'}, ${short(rollout.weightPercent)} %`]),
    ...losers.map((loser) => `not ${sourceText(loser)}: ${loser.why}`),
    ...(baseModel === undefined ? [] : [`base model ${baseModel}`]),
    ...(nearNames.length === 0 ? [] : [`near names: ${nearNames.join(', ')}`]),
  ]
}

function byLines({ by, drawnBy, targets }: NonNullable<Explanation['model']>): string[] {
  if (by === 'header') return ['a header of the client asks for it']
  if (by === 'none') return ['no resource gives it another name']
  if (drawnBy === 'sticky key')
    return [`one of ${targets.length} targets, by the sticky key: always the same for this user`]
  return drawnBy === 'random' ? [`one of ${targets.length} targets, drawn by chance`] : []
}

const poolReasons: Readonly<Record<NonNullable<Explanation['pool']>['why'], string>> = {
  metadata: 'the metadata of the stream names it',
  model: "the model's rule names it",
  rewrite: 'a rewrite in it has the model',
  route: 'an HTTPRoute leads the model there',
  'only pool': 'it is the only pool',
}

function poolLines({ pool, outcome }: Explanation): string[] {
  if (pool === undefined) return outcome === 'route' ? ["none: Envoy's routes decide"] : []
  const shares =
    pool.shares.length < 2 ? [] : [pool.shares.map(({ key, share }) => `${key} ${percent(share)}`).join(', ')]
  const selector = pool.selector.length === 0 ? 'all endpoints of the namespace' : pool.selector.join(', ')
  return [`${pool.key}: ${poolReasons[pool.why]}`, ...shares, `selects ${selector}${placeText(pool)}`]
}

function priorityLines({ priority }: Explanation): string[] {
  if (priority === undefined) return []
  const { value, why, source } = priority
  const by = why === 'default' ? 'by default' : source === undefined ? '' : `by ${source.resource}`
  return [`${value} ${by}${source === undefined ? '' : placeText(source)}`]
}

function admissionLines({ admission }: Explanation): string[] {
  if (admission === undefined) return []
  const { verdict, saturation, queue, why } = admission
  const waiting = queue === undefined ? '' : `, ${queue.requests} waiting`
  return [`${verdict}: ${why} (saturation ${Number.isFinite(saturation) ? short(saturation) : 'unknown'}${waiting})`]
}

function sentLines({ sent }: Explanation): string[] {
  if (sent === undefined) return []
  const { set, removed, metadata, changesBody } = sent
  const names = Object.entries(metadata ?? {}).flatMap(([namespace, value]) => {
    return Object.keys(value as object).map((key) => `metadata ${namespace}: ${key}`)
  })
  const lines = [
    ...set.map(([name, value]) => `${name}: ${value}`),
    ...removed.map((name) => `without ${name}`),
    ...names,
    ...(changesBody ? ['the body with the other model in it'] : []),
  ]
  return lines.length === 0 ? ['as it came'] : lines
}

const answerLines = ({ answer }: Explanation): string[] =>
  answer === undefined
    ? []
    : [`${answer.status}${answer.details === undefined ? '' : ` (${answer.details})`}: ${cut(answer.message, 400)}`]

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text)

function routeLines({ route, sent, outcome }: Explanation): string[] {
  if (route === undefined) return ['no HTTPRoutes are known here']
  const { first, last, others, notes } = route
  const none = outcome === 'unmatched' ? 'none, 404 by Envoy' : 'none of those that are known'
  const isSame = first !== undefined && first.place === last?.place
  return [
    ...(isSame ? [] : [`before the body is read: ${first === undefined ? none : ruleText(first)}`]),
    ...(sent === undefined ? [] : [`${isSame ? '' : 'then: '}${last === undefined ? none : ruleText(last)}`]),
    ...(last === undefined ? [] : backendsOf(last)),
    ...others.map((rule) => `after it: ${ruleText(rule)}`),
    ...notes,
  ]
}

const ruleText = (rule: ExplainedRule): string =>
  `${rule.resource} rule ${rule.rule + 1} (${rule.matches})${placeText(rule)}`

function backendsOf({ backends }: ExplainedRule): string[] {
  if (backends.length === 0) return ['to no backend: a filter of the rule answers']
  const total = backends.reduce((sum, { weight }) => sum + weight, 0)
  return backends.map(({ name, weight }) => `to ${name}${backends.length > 1 ? ` ${percent(weight / total)}` : ''}`)
}

const sourceText = (source: ExplainedSource): string => `${source.resource}${placeText(source)}`
/** In a cluster the place is the object, which has been named. */
const placeText = ({ resource, place }: ExplainedSource): string =>
  place === undefined || place === resource ? '' : ` at ${place}`

const percent = (share: number): string => `${short(100 * share)} %`
const bytes = (count: number): string => `${count.toLocaleString('en')} ${count === 1 ? 'byte' : 'bytes'}`
