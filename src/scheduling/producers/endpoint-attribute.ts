import { z } from 'zod'
import { activeRequests, type Endpoint } from '../../pool/endpoint.ts'
import { BadReference } from '../configuration-reference.ts'
import type { PluginContext, Producer } from '../plugin.ts'

/** Numbers that every endpoint has. */
export const endpointNumbers = {
  'active-requests': activeRequests,
  'running-requests': (endpoint) => endpoint.metrics.running,
  'waiting-queue': (endpoint) => endpoint.metrics.queued,
  'kv-cache-utilization': (endpoint) => endpoint.metrics.kvUsage,
} as const satisfies Record<string, (endpoint: Endpoint) => number>

export type EndpointNumber = keyof typeof endpointNumbers
export const endpointNumber = z.enum(Object.keys(endpointNumbers) as [EndpointNumber, ...EndpointNumber[]])

/** Gives an attribute of an endpoint; undefined when it is not known. */
export type ReadAttribute = (endpoint: Endpoint) => number | undefined

/**
 * Who reads the attribute `key`: the plugin that the configuration names; without one the endpoint itself for one of
 * {@link endpointNumbers}, else the extractor of metrics. Where that plugin has no attributes, the operator is told.
 */
export function attributeReader(
  key: string,
  producerName: string | undefined,
  reader: string,
  context: PluginContext,
): ReadAttribute {
  if (producerName === undefined && Object.hasOwn(endpointNumbers, key)) return endpointNumbers[key as EndpointNumber]
  if (producerName === undefined && key.includes('/')) {
    throw new BadReference(
      key,
      `${reader}: found ${JSON.stringify(key)}; who gives the attribute is said by "producer"`,
    )
  }
  const producer: Producer = producerName
    ? context.plugin(producerName)
    : context.producer<Producer>('core-metrics-extractor')
  if (producer.attribute === undefined) {
    context.warn(`${reader}: nothing gives the attribute "${key}", so no endpoint has it.`)
    return () => undefined
  }
  return (endpoint) => producer.attribute!(endpoint, key)
}
