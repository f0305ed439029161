// biome-ignore-all lint/suspicious/noExplicitAny: configurations, looked at path by path
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { withAnswersSeen, withPorts } from '../../src/demo/envoy-file.ts'

const read = (name: string) => readFileSync(join(import.meta.dirname, '..', '..', name), 'utf8')
const base = parse(read('envoy/full-duplex.yaml'))

/** Where two values differ, as `path: a → b`; undefined is absent. */
function differences(a: unknown, b: unknown, path = ''): string[] {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return Object.is(a, b) ? [] : [`${path.slice(1)}: ${a} → ${typeof b === 'object' ? JSON.stringify(b) : b}`]
  }
  const keys = new Set([...Object.keys(a), ...Object.keys(b)])
  return [...keys].flatMap((key) =>
    differences((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`),
  )
}

const listener = 'static_resources.listeners.0'
const manager = `${listener}.filter_chains.0.filters.0.typed_config`
const extProc = `${manager}.http_filters.0.typed_config`

describe('the Envoy files differ from full-duplex.yaml', () => {
  test('streamed.yaml: in the body mode, and that bodies do not wait', () => {
    expect(differences(base, parse(read('envoy/streamed.yaml'))).sort()).toEqual([
      `${extProc}.processing_mode.request_body_mode: FULL_DUPLEX_STREAMED → STREAMED`,
      `${extProc}.processing_mode.request_trailer_mode: SEND → SKIP`,
      `${extProc}.send_body_without_waiting_for_header_response: undefined → true`,
    ])
  })

  test('buffered.yaml: in the body mode, and the buffer that a body must fit into', () => {
    expect(differences(base, parse(read('envoy/buffered.yaml'))).sort()).toEqual([
      `${extProc}.processing_mode.request_body_mode: FULL_DUPLEX_STREAMED → BUFFERED`,
      `${extProc}.processing_mode.request_trailer_mode: SEND → SKIP`,
      `${listener}.per_connection_buffer_limit_bytes: ${2 ** 20} → ${20 * 2 ** 20}`,
    ])
  })

  test('full-duplex-tls.yaml: in the transport to Signalbox', () => {
    expect(differences(base, parse(read('envoy/full-duplex-tls.yaml')))).toEqual([
      expect.stringMatching(/^static_resources\.clusters\.3\.transport_socket: undefined → .*UpstreamTlsContext.*"h2"/),
    ])
  })
})

describe('full-duplex.yaml', () => {
  const http = base.static_resources.listeners[0].filter_chains[0].filters[0].typed_config

  test('listens on loopback only', () => {
    const addresses = JSON.stringify(base).match(/"address":"[^"]*"/g)!
    expect(new Set(addresses)).toEqual(new Set(['"address":"127.0.0.1"']))
  })

  test('removes every header that Signalbox may set, before any filter sees it', () => {
    const { mutations } = http.early_header_mutation_extensions[0].typed_config
    const removed = mutations.map(({ remove }: { remove: string }) => remove)
    expect(removed).toEqual([
      'x-gateway-model-name',
      'x-gateway-base-model-name',
      'x-gateway-destination-endpoint',
      'x-gateway-destination-endpoint-served',
      'x-gateway-destination-endpoint-subset',
      'x-prefiller-host-port',
      'x-encoder-hosts-ports',
      'x-data-parallel-host-port',
    ])
  })

  test('cuts no answer of a model within a day', () => {
    const routes = http.route_config.virtual_hosts[0].routes
    const ofModels = routes.filter(({ match, route }: any) => route && match.headers)
    expect(ofModels).toHaveLength(4)
    for (const { route } of ofModels) expect(route).toMatchObject({ timeout: '86400s', idle_timeout: '86400s' })
  })

  test('has the servers of examples/two-models/endpoints.yaml in its clusters', () => {
    const { endpoints } = parse(read('examples/two-models/endpoints.yaml'))
    const portsOf = (app?: string) =>
      endpoints.filter(({ labels }: any) => app === undefined || labels.app === app).map(({ port }: any) => port)
    const clusterPorts = Object.fromEntries(
      base.static_resources.clusters.map(({ name, load_assignment }: any) => [
        name,
        load_assignment.endpoints[0].lb_endpoints.map(
          ({ endpoint }: any) => endpoint.address.socket_address.port_value,
        ),
      ]),
    )
    expect(clusterPorts).toEqual({
      'qwen-pool': portsOf('qwen'),
      'deepseek-pool': portsOf('deepseek-r1'),
      'all-pools': portsOf(),
      signalbox: [9002],
    })
  })
})

describe('withPorts', () => {
  test('changes the ports that are named, also where an alias repeats them, and nothing else', () => {
    const moved = parse(withPorts(read('envoy/full-duplex.yaml'), new Map([[8080, 1], [18101, 2]]))) // biome-ignore format: one line
    expect(differences(base, moved).map((line) => line.replace(/^.*port_value: /, ''))).toEqual([
      '8080 → 1',
      '18101 → 2',
      '18101 → 2',
    ])
  })
})

test('withAnswersSeen shows the bodies of answers, and changes nothing else', () => {
  expect(differences(base, parse(withAnswersSeen(read('envoy/full-duplex.yaml'))))).toEqual([
    `${extProc}.processing_mode.response_body_mode: NONE → STREAMED`,
  ])
})
