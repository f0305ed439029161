import { HeaderTable, type HeaderValues } from '../extproc/headers.ts'

/** The name that the client asked for; HTTPRoutes match on it. */
export const modelNameHeader = 'x-gateway-model-name'
/** The base model of an adapter, or the base model itself, where a ConfigMap says so. */
export const baseModelNameHeader = 'x-gateway-base-model-name'
/** The picked endpoints, best first: `ip:port[,ip:port]`. */
export const destinationHeader = 'x-gateway-destination-endpoint'

/** Headers that only Signalbox and Envoy may set: what a client sends under these names never counts. */
export const outputHeaders = [
  modelNameHeader,
  baseModelNameHeader,
  destinationHeader,
  'x-gateway-destination-endpoint-served',
  'x-gateway-destination-endpoint-subset',
  'x-prefiller-host-port',
  'x-encoder-hosts-ports',
  'x-data-parallel-host-port',
]

/** Headers that are meant for Signalbox, by what they say, the name that counts first; the model server does not get them. */
const inputs = {
  objective: ['x-llm-d-inference-objective', 'x-gateway-inference-objective'],
  fairnessId: ['x-llm-d-inference-fairness-id', 'x-gateway-inference-fairness-id'],
  modelRewrite: ['x-llm-d-model-name-rewrite', 'x-gateway-model-name-rewrite'],
  ttftMs: ['x-llm-d-slo-ttft-ms', 'x-slo-ttft-ms'],
  tpotMs: ['x-llm-d-slo-tpot-ms', 'x-slo-tpot-ms'],
  ttl: ['x-llm-d-inference-ttl'],
} as const

/** What a client may ask for in a header. */
export type Hint = keyof typeof inputs

const controlNames = [...outputHeaders, ...Object.values(inputs).flat()]

/** The table of all headers that a request is read for: the fixed ones, the control headers, and `extraNames`. */
export const createHeaderTable = (extraNames: readonly string[]): HeaderTable =>
  new HeaderTable([...controlNames, ...extraNames])

// They come first in every table of createHeaderTable, so their slots are the same in all.
const controlSlots = controlNames.map((name) => createHeaderTable([]).slotOf(name))

const hintSlots = Object.fromEntries(
  Object.entries(inputs).map(([hint, names]) => [hint, names.map((name) => createHeaderTable([]).slotOf(name))]),
) as Record<Hint, number[]>

/** What the request's headers ask for; undefined when they do not, or with an empty value. */
export function hintOf(headers: HeaderValues, hint: Hint): string | undefined {
  for (const slot of hintSlots[hint]) {
    if (headers[slot]) return headers[slot]
  }
  return undefined
}

/** The control headers that the request carries and `set` (flat: name, value …) does not overwrite: to be removed. */
export function spoofedHeaders(headers: HeaderValues, set: readonly string[]): readonly string[] {
  let found: string[] | undefined
  for (let i = 0; i < controlSlots.length; i++) {
    if (headers[controlSlots[i]] === undefined || isSet(set, controlNames[i])) continue
    found ??= []
    found.push(controlNames[i])
  }
  return found ?? none
}

const none: readonly string[] = []

/** Looks at the names only: a value, such as a model, may read like one. */
function isSet(set: readonly string[], name: string): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (set[i] === name) return true
  }
  return false
}
