import { hash } from 'node:crypto'
import { slot } from '../extproc/headers.ts'
import type { Ended } from './exchange-ends.ts'
import { chooserOf, ratingOf } from './outcome.ts'
import { defaultFairnessId } from './request-observer.ts'

/** The header that Envoy tells requests apart by. */
export const requestIdHeader = 'x-request-id'

/** Of a text that comes from clients or resources, UTF-16 code units: with all its limits a line has less than 4 KiB. */
export const maxTextLength = 128

/**
 * One request as a line of JSON, with its line end. Of what clients send it has the method, the path without its query, the model
 * and the request id; of the fairness id a hash. What is not known is left out.
 * @param atMs when the exchange ended, milliseconds since 1970
 */
export function accessLine(ended: Ended, atMs: number): string {
  const { request, flight, response, outcome, status } = ended
  const { headers, route, trace, fairnessId } = request
  const served = flight?.endpoint.address
  const chosen = flight?.scheduled.endpoints[0]?.address
  const usage = response?.reader?.usage
  const line = {
    time: new Date(atMs).toISOString(),
    requestId: safeId(request.header(requestIdHeader)),
    traceId: trace?.traceId,
    method: cut(headers?.[slot.method]),
    path: cut(request.facts.path),
    outcome,
    status: known(status),
    code: request.refusal?.code,
    model: cut(request.model),
    target: cut(request.targetModel || undefined),
    baseModel: cut(route?.baseModel),
    pool: cut(request.poolKey || undefined),
    endpoint: served,
    // Where it was sent first, when the proxy has fallen back to another.
    sentTo: chosen === served ? undefined : chosen,
    why: route && whyOf(ended),
    priority: route && request.priority,
    fairnessIdHash: fairnessId === defaultFairnessId ? undefined : hash('sha256', fairnessId).slice(0, 16),
    bytes: { request: request.bodyBytes, held: request.heldBytes, response: response?.bytes },
    tokens: usage && { prompt: usage.promptTokens, cached: usage.cachedTokens, output: usage.completionTokens },
    ms: timesOf(ended),
  }
  return `${JSON.stringify(line).replace(unescaped, escaped)}\n`
}

/** What was decided, and what by. */
function whyOf({ request, flight }: Ended): object {
  const rating = flight && ratingOf(flight)
  return {
    targetBy: cut(request.route && chooserOf(request.route)),
    candidates: rating?.candidates,
    score: rounded(rating?.score),
    nextScore: rounded(rating?.next),
    queued: Number.isNaN(request.queuedAtMs) ? undefined : true,
  }
}

/** From the first message of the request on, but `queue`. */
function timesOf({ request, response, endedAtMs }: Ended): object {
  const { startedAtMs, queuedAtMs, decidedAtMs, bodyEndedAtMs } = request
  const until = (ms: number | undefined) => rounded(ms === undefined ? undefined : ms - startedAtMs)
  const dequeuedAtMs = Number.isNaN(decidedAtMs) ? endedAtMs : decidedAtMs
  return {
    body: until(bodyEndedAtMs),
    queue: rounded(dequeuedAtMs - queuedAtMs),
    decision: until(decidedAtMs),
    firstByte: until(response?.beganAtMs),
    firstToken: until(response?.firstTokenAtMs),
    total: until(endedAtMs),
  }
}

const known = (value: number): number | undefined => (Number.isNaN(value) ? undefined : value)

/** To three digits after the point. */
const rounded = (value: number | undefined): number | undefined =>
  value === undefined || Number.isNaN(value) ? undefined : Math.round(value * 1000) / 1000

function cut(text: string | undefined): string | undefined {
  return text === undefined || text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength - 1)}…`
}

/** A request id of other characters is none that a proxy makes, and may be anything. */
const safeId = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\w.:-]{1,128}$/.test(id) ? id : undefined

/** Control characters and line ends that JSON leaves as they are. */
const unescaped = /[\x7f-\x9f\u2028\u2029]/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
