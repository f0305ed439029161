import { HeaderTable, type HeaderValues } from '../extproc/headers.ts'

/** The name that the client asked for; HTTPRoutes match on it. */
export const modelNameHeader = 'x-gateway-model-name'
/** The base model of an adapter, or the base model itself, where a ConfigMap says so. */
export const baseModelNameHeader = 'x-gateway-base-model-name'
/** The picked endpoints, best first: `ip:port[,ip:port]`. */
export const destinationHeader = 'x-gateway-destination-endpoint'

/** Headers that only Signalbox and Envoy may set: what a client sends under these names never counts. */
const outputs = [
  modelNameHeader,
  baseModelNameHeader,
  destinationHeader,
  'x-gateway-destination-endpoint-served',
  'x-gateway-destination-endpoint-subset',
  'x-prefiller-host-port',
  'x-encoder-hosts-ports',
  'x-data-parallel-host-port',
]

/** Headers that are meant for Signalbox; the model server does not get them. */
const inputs = [
  'x-gateway-inference-objective',
  'x-gateway-inference-fairness-id',
  'x-gateway-model-name-rewrite',
  'x-slo-ttft-ms',
  'x-slo-tpot-ms',
  'x-llm-d-inference-objective',
  'x-llm-d-inference-fairness-id',
  'x-llm-d-model-name-rewrite',
  'x-llm-d-slo-ttft-ms',
  'x-llm-d-slo-tpot-ms',
]

const controlNames = [...outputs, ...inputs]

/** The table of all headers that a request is read for: the fixed ones, the control headers, and `extraNames`. */
export const createHeaderTable = (extraNames: readonly string[]): HeaderTable =>
  new HeaderTable([...controlNames, ...extraNames])

// They come first in every table of createHeaderTable, so their slots are the same in all.
const controlSlots = controlNames.map((name) => createHeaderTable([]).slotOf(name))

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
