import { expect, test } from 'vitest'
import { type AnswerBody, type RouteOptions, resources } from '../../../bench/traces/gateway-resources.ts'

const route: RouteOptions = {
  port: 8080,
  servers: ['127.0.0.1:8101', '127.0.0.1:8102'],
  processors: ['127.0.0.1:9002'],
  answerBody: 'skipped',
}

type Resource = { kind: string; metadata: { name: string }; spec: Record<string, unknown> }

function named(options: RouteOptions, kind: string, name?: string): Resource | undefined {
  return (resources(options) as Resource[]).find(
    (each) => each.kind === kind && (name === undefined || each.metadata.name === name),
  )
}

test('a route with pickers asks them with the whole request and follows the endpoint they name', () => {
  expect(named(route, 'Backend', 'processors')?.spec).toEqual({
    endpoints: [{ ip: { address: '127.0.0.1', port: 9002 } }],
    appProtocols: ['gateway.envoyproxy.io/h2c'],
  })
  expect(named(route, 'BackendTrafficPolicy')?.spec.loadBalancer).toEqual({
    type: 'Random',
    endpointOverride: { extractFrom: [{ header: 'x-gateway-destination-endpoint' }] },
  })
})

test('a route without pickers leaves the choice to Envoy, whatever a client names', () => {
  const open = { ...route, processors: [] }
  expect(named(open, 'EnvoyExtensionPolicy')).toBeUndefined()
  expect(named(open, 'BackendTrafficPolicy')?.spec.loadBalancer).toEqual({ type: 'Random' })
})

test.each<[AnswerBody, object]>([
  ['skipped', {}],
  ['headers', { response: {} }],
  ['Streamed', { response: { body: 'Streamed' } }],
  ['FullDuplexStreamed', { response: { body: 'FullDuplexStreamed' } }],
])('answers: %s', (answerBody, expected) => {
  const [{ processingMode }] = named({ ...route, answerBody }, 'EnvoyExtensionPolicy')!.spec.extProc as [
    { processingMode: object },
  ]
  expect(processingMode).toEqual({ request: { body: 'FullDuplexStreamed' }, ...expected })
})
