import { isIP } from 'node:net'
import { z } from 'zod'
import { problemAt, readFields, show } from '../catalog/fields.ts'
import { type Problem, sayKept } from '../catalog/problem.ts'
import { isObject } from '../catalog/resource.ts'
import type { EndpointSpec } from '../pool/endpoint.ts'
import { readDocuments, type SourceDocument } from './document.ts'

const portText = /^\d{1,5}$/

function isPort(port: unknown): boolean {
  const number = typeof port === 'string' && portText.test(port) ? Number(port) : port
  return Number.isInteger(number) && (number as number) >= 1 && (number as number) <= 65_535
}

/** An entry of the list. */
export const endpoint = z.object({
  name: z.string().regex(/\S/, 'a name'),
  namespace: z.string().regex(/\S/, 'a namespace').default('default'),
  address: z.string().refine((address) => isIP(address) !== 0, {
    error: ({ input }) => `found ${show(input)}, allowed: an IPv4 or IPv6 address, without brackets`,
  }),
  port: z
    .custom<number | string>(isPort, { error: ({ input }) => `found ${show(input)}, allowed: a port from 1 to 65535` })
    .meta({ type: ['integer', 'string'], minimum: 1, maximum: 65_535 })
    .transform(Number)
    .optional(),
  labels: z.record(z.string(), z.string()).default({}),
})

/** Endpoints by `namespace/name`. */
export type Endpoints = ReadonlyMap<string, EndpointSpec>

export type ReadEndpoints = {
  /** Undefined when there is no list of endpoints at all. */
  readonly endpoints: Endpoints | undefined
  readonly problems: readonly Problem[]
}

/** Reads an endpoints file: one document, as {@link readEndpoints} has it. */
export function readEndpointsFile(file: string, text: string, lastGood?: Endpoints): ReadEndpoints {
  const { documents, problems } = readDocuments(file, text)
  if (problems.length > 0) return { endpoints: undefined, problems }
  if (documents.length === 1) return readEndpoints(documents[0], 'warning', lastGood)
  const message = `found ${documents.length} documents, allowed: one with a list of endpoints`
  return { endpoints: undefined, problems: [{ severity: 'error', place: `${file}:1:1`, path: '', message }] }
}

/**
 * Reads `endpoints: [{name, namespace, address, port, labels}]`. An entry that is invalid is left out, or stays as it
 * was in `lastGood`.
 */
export function readEndpoints(
  document: SourceDocument,
  unknownFields: Problem['severity'],
  lastGood: Endpoints = new Map(),
): ReadEndpoints {
  const { value, origin } = document
  const list = isObject(value) ? value.endpoints : undefined
  if (!Array.isArray(list)) {
    const message = list === undefined ? 'missing, allowed: a list' : `found ${show(list)}, allowed: a list`
    return { endpoints: undefined, problems: [problemAt(origin, ['endpoints'], message)] }
  }
  const problems: Problem[] = []
  const valid = new Map<string, EndpointSpec>()
  const readings = list.map((item: unknown, index) => {
    const path = ['endpoints', index]
    const reading = readFields(endpoint, item, origin, unknownFields, path)
    const key = keyOf(item)
    if (reading.data !== undefined && key !== undefined) {
      if (valid.has(key))
        problems.push(problemAt(origin, [...path, 'name'], `found ${key} again, allowed: each name once`))
      else valid.set(key, { ...reading.data, port: reading.data.port })
    }
    return { key, ...reading }
  })
  const endpoints = new Map<string, EndpointSpec>()
  for (const { key, data, problems: found } of readings) {
    const kept = data === undefined && key !== undefined && !valid.has(key) ? lastGood.get(key) : undefined
    const used = key === undefined ? undefined : (valid.get(key) ?? kept)
    if (key !== undefined && used !== undefined) endpoints.set(key, used)
    problems.push(...(kept === undefined ? found : found.map(sayKept)))
  }
  return { endpoints, problems }
}

function keyOf(item: unknown): string | undefined {
  if (!isObject(item) || typeof item.name !== 'string') return undefined
  return `${typeof item.namespace === 'string' ? item.namespace : 'default'}/${item.name}`
}
