import { expect, test } from 'vitest'
import { resources } from '../../../bench/envoy/resources.ts'

// biome-ignore lint/suspicious/noExplicitAny: Kubernetes objects of many kinds
type Manifest = any

const objects: Manifest[] = resources(
  [
    { port: 8001, processors: [] },
    { port: 8002, processors: ['127.0.0.1:9002'] },
    { port: 8003, processors: ['127.0.0.1:9004', '127.0.0.1:9003'] },
  ],
  ['127.20.0.1:8000', '127.20.0.2:8000'],
)
const named = (kind: string, name: string) =>
  objects.find((each) => each.kind === kind && each.metadata.name === name)?.spec

test('each chain has a listener of one gateway, and a route of its own there', () => {
  expect(named('Gateway', 'bench').listeners).toEqual([
    { name: 'chain-8001', protocol: 'HTTP', port: 8001 },
    { name: 'chain-8002', protocol: 'HTTP', port: 8002 },
    { name: 'chain-8003', protocol: 'HTTP', port: 8003 },
  ])
  for (const name of ['chain-8001', 'chain-8002', 'chain-8003']) {
    expect(named('HTTPRoute', name).parentRefs).toEqual([{ name: 'bench', sectionName: name }])
  }
})

test('a request passes the processors in their order, as plaintext HTTP/2', () => {
  const { targetRefs, extProc } = named('EnvoyExtensionPolicy', 'chain-8003')
  expect(targetRefs).toEqual([{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chain-8003' }])
  const passed = extProc.map(({ backendRefs }: Manifest) => named('Backend', backendRefs[0].name))
  expect(passed).toEqual([
    { endpoints: [{ ip: { address: '127.0.0.1', port: 9004 } }], appProtocols: ['gateway.envoyproxy.io/h2c'] },
    { endpoints: [{ ip: { address: '127.0.0.1', port: 9003 } }], appProtocols: ['gateway.envoyproxy.io/h2c'] },
  ])
})

test('only what got the header of its model, and the server that was picked, reaches the model servers', () => {
  const [byModel, rest] = named('HTTPRoute', 'chain-8002').rules
  expect(byModel.matches[0].headers).toEqual([{ name: 'x-gateway-model-name', value: 'qwen' }])
  expect(byModel.backendRefs[0].name).toBe('servers')
  expect(rest.backendRefs).toBeUndefined()
  expect(named('HTTPRouteFilter', rest.filters[0].extensionRef.name)).toEqual({ directResponse: { statusCode: 404 } })
  expect(named('BackendTrafficPolicy', 'chain-8002').loadBalancer.endpointOverride).toEqual({
    extractFrom: [{ header: 'x-gateway-destination-endpoint' }],
  })
})

test('without processors there is nothing between Envoy and the model servers', () => {
  expect(named('HTTPRoute', 'chain-8001').rules).toEqual([
    {
      matches: [{ path: { type: 'PathPrefix', value: '/' } }],
      backendRefs: [expect.objectContaining({ name: 'servers' })],
    },
  ])
  expect(named('EnvoyExtensionPolicy', 'chain-8001')).toBeUndefined()
})
