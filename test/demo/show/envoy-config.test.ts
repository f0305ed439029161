import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { envoyConfig } from '../../../src/demo/show/envoy-config.ts'

const template = readFileSync('envoy/full-duplex.yaml', 'utf8')
const made = JSON.parse(
  envoyConfig(
    template,
    [
      { port: 1001, servers: [2001, 2002], extProcPort: 3001 },
      { port: 1002, servers: [2003, 2004], extProcPort: undefined },
    ],
    1000,
  ),
)
const { listeners, clusters } = made.static_resources
const managerOf = (side: number) => listeners[side].filter_chains[0].filters[0].typed_config
const portsOf = (name: string) =>
  clusters
    .find((each: { name: string }) => each.name === name)
    .load_assignment.endpoints[0].lb_endpoints.map(
      (each: { endpoint: { address: { socket_address: { port_value: number } } } }) =>
        each.endpoint.address.socket_address.port_value,
    )

test('each side has a listener and servers of its own', () => {
  expect(listeners.map((each: typeof made) => each.address.socket_address.port_value)).toEqual([1001, 1002])
  expect([portsOf('fleet-0'), portsOf('fleet-1'), portsOf('signalbox-0')]).toEqual([[2001, 2002], [2003, 2004], [3001]])
  for (const side of [0, 1]) {
    const [host] = managerOf(side).route_config.virtual_hosts
    expect(host.routes.map((each: { route: { cluster: string } }) => each.route.cluster)).toEqual([`fleet-${side}`])
  }
})

test('only the side with a Signalbox asks it; the other one goes round', () => {
  const names = (side: number) => managerOf(side).http_filters.map(({ name }: { name: string }) => name)
  expect(names(0)).toEqual(['envoy.filters.http.ext_proc', 'envoy.filters.http.router'])
  expect(names(1)).toEqual(['envoy.filters.http.router'])
  const [picked, , plain] = clusters
  expect([picked.name, picked.lb_policy, picked.load_balancing_policy !== undefined]).toEqual([
    'fleet-0',
    undefined,
    true,
  ])
  expect([plain.name, plain.lb_policy, plain.load_balancing_policy]).toEqual(['fleet-1', 'ROUND_ROBIN', undefined])
})

test('what the file sets for both is the same: retries, timeouts, connections', () => {
  const [original] = parse(template).static_resources.clusters
  for (const cluster of [clusters[0], clusters[2]]) {
    expect(cluster.circuit_breakers).toEqual(original.circuit_breakers)
    expect(cluster.typed_extension_protocol_options).toEqual(original.typed_extension_protocol_options)
  }
  const [a, b] = [managerOf(0), managerOf(1)]
  expect(a.route_config.virtual_hosts[0].retry_policy).toEqual(b.route_config.virtual_hosts[0].retry_policy)
  expect(a.stream_idle_timeout).toBe(b.stream_idle_timeout)
})
