import { fromJson, type JsonObject, type Message, type MessageShape, toBinary, toJson } from '@bufbuild/protobuf'
import { loadDescriptors } from '../../src/extension/descriptors.ts'
import { messages, protoFiles } from '../../src/extension/messages.ts'

// A registry of its own: what the tests read does not go through what they test.
const registry = loadDescriptors(protoFiles)

/** What stands in a message, by the names of the protos, as in Envoy's configuration; an Any is what is packed in it. */
// biome-ignore lint/suspicious/noExplicitAny: an Envoy configuration, read field by field
export function jsonOf(message: Message): any {
  const schema = registry.getMessage(message.$typeName)!
  return toJson(schema, message as MessageShape<typeof schema>, { registry, useProtoFieldName: true })
}

export function bytesOf(message: Message): Buffer {
  const schema = registry.getMessage(message.$typeName)!
  return Buffer.from(toBinary(schema, message as MessageShape<typeof schema>))
}

/** Brings a message of Envoy's YAML into the form of {@link jsonOf}: durations, defaults, numbers as the protos have them. */
export function settled(typeName: string, json: JsonObject): unknown {
  const schema = registry.getMessage(typeName)!
  return jsonOf(fromJson(schema, json, { registry, ignoreUnknownFields: true }))
}

/** Puts a text into a field that protos/ does not have. */
export function withUnknownField<T extends Message>(message: T, no = 1999, text = 'not in protos/'): T {
  const data = Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)])
  message.$unknown = [...(message.$unknown ?? []), { no, wireType: 2, data }]
  return message
}

/** A cluster as Envoy Gateway makes it for a backend that an extension handles. */
export const gatewayCluster = (name: string) =>
  withUnknownField(
    messages.cluster.from({
      name,
      type: 'EDS',
      connect_timeout: '10s',
      eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
      circuit_breakers: { thresholds: [{ max_retries: 1024 }] },
      load_balancing_policy: {
        policies: [
          {
            typed_extension_config: {
              name: 'envoy.load_balancing_policies.least_request',
              typed_config: {
                '@type': 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
              },
            },
          },
        ],
      },
    }),
  )

/** An InferencePool as Envoy Gateway hands it over. */
export const poolObject = (name: string, more: object = {}) => ({
  unstructured_bytes: Buffer.from(
    JSON.stringify({
      apiVersion: 'inference.networking.k8s.io/v1',
      kind: 'InferencePool',
      metadata: { name, namespace: 'default' },
      spec: { selector: { matchLabels: { app: name } }, targetPorts: [{ number: 8000 }] },
      ...more,
    }),
  ).toString('base64'),
})

/** A route by the model header, or by path, as Envoy Gateway makes it. */
export const route = (name: string, cluster: string, match: JsonObject = modelMatch) =>
  withUnknownField(messages.route.from({ name, match, route: { cluster } }))

const modelMatch = { prefix: '/', headers: [{ name: 'X-Gateway-Model-Name' }] }
