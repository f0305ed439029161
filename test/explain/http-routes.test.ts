import { describe, expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import type { ClientRequest } from '../../src/explain/client-request.ts'
import { matchRoutes } from '../../src/explain/http-routes.ts'
import { takeInventory } from '../../src/preflight/inventory.ts'
import { survey } from '../../src/preflight/picker.ts'
import { readManifests } from '../../src/sources/manifests.ts'

type Rule = { readonly name: string; readonly matches?: readonly object[] }

const routeOf = (name: string, rules: readonly Rule[], spec: object = {}, metadata: object = {}): string =>
  JSON.stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, ...metadata },
    spec: {
      parentRefs: [{ name: 'gateway' }],
      ...spec,
      rules: rules.map(({ name: backend, matches }) => ({ matches, backendRefs: [{ name: backend, port: 80 }] })),
    },
  })

const path = (value: string, type = 'PathPrefix') => ({ path: { type, value } })
const header = (name: string, value: string, type = 'Exact') => ({ name, value, type })

function match(
  routes: readonly string[],
  client: Partial<ClientRequest>,
  set: [string, string][] = [],
  removed: string[] = [],
) {
  const { resources } = readManifests('routes.yaml', routes.join('\n---\n'))
  const known = { resources, compiled: compileCatalog(resources), endpoints: [], envoyGateways: [], isCluster: false }
  const surveyed = survey(takeInventory({ ...known, isUnread: () => false }))
  const request = { method: 'POST', path: '/v1/chat/completions', headers: [], body: Buffer.alloc(0), ...client }
  const found = matchRoutes(surveyed, request, { set, removed, clearsRoute: true, changesBody: false })
  const backend = (rule: { backends: readonly { name: string }[] } | undefined) => rule?.backends[0].name.split('/')[1]
  return {
    first: backend(found?.first),
    last: backend(found?.last),
    others: found?.others.map(backend),
    notes: found?.notes,
  }
}

const lastOf = (rules: readonly Rule[], client: Partial<ClientRequest> = {}) =>
  match([routeOf('a', rules)], client).last

test('an expression that would take forever here is left to Envoy, and holds nobody up', () => {
  const endless = { name: 'endless', matches: [path('/(a+)+b', 'RegularExpression')] }
  const { last, notes } = match([routeOf('a', [endless])], { path: `/${'a'.repeat(60)}` })
  expect({ last, notes }).toEqual({
    last: undefined,
    notes: ['HTTPRoute default/a rule 1 has an expression that Envoy alone can read'],
  })
})

describe('the rule that goes first', () => {
  const any = { name: 'any', matches: [path('/')] }

  test('has the exact path, else the longest prefix', () => {
    const rules = [
      any,
      { name: 'v1', matches: [path('/v1')] },
      { name: 'exact', matches: [path('/v1/chat/completions', 'Exact')] },
    ]
    expect(lastOf(rules)).toBe('exact')
    expect(lastOf(rules, { path: '/v1/completions' })).toBe('v1')
    expect(lastOf(rules, { path: '/v1' })).toBe('v1')
    expect(lastOf(rules, { path: '/v10' })).toBe('any')
  })

  test('of equal paths has a method, then more headers, then more query parameters', () => {
    const rules = [
      any,
      { name: 'query', matches: [{ queryParams: [header('a', '1')] }] },
      { name: 'header', matches: [{ headers: [header('X-Team', 'red')] }] },
      { name: 'headers', matches: [{ headers: [header('X-Team', 'red'), header('x-tier', 'gold')] }] },
      { name: 'method', matches: [{ method: 'GET' }] },
    ]
    const headers = [
      ['x-team', 'red'],
      ['x-tier', 'gold'],
    ] as const
    expect(lastOf(rules, { headers, method: 'GET' })).toBe('method')
    expect(lastOf(rules, { headers })).toBe('headers')
    expect(lastOf(rules, { headers: [['x-team', 'red']], path: '/?a=1' })).toBe('header')
    expect(lastOf(rules, { path: '/?b=2&a=1' })).toBe('query')
    expect(lastOf(rules, { path: '/?a=2' })).toBe('any')
  })

  test('of equal matches is of the oldest route, then of the first name, then the first', () => {
    const at = (time: string) => ({ creationTimestamp: time })
    const young = routeOf('a', [{ name: 'young' }], {}, at('2026-02-01T00:00:00Z'))
    const old = routeOf('b', [{ name: 'old' }, { name: 'second' }], {}, at('2026-01-01T00:00:00Z'))
    expect(match([young, old], {})).toMatchObject({ last: 'old', others: ['second', 'young'] })
    expect(match([routeOf('d', [{ name: 'd' }]), routeOf('c', [{ name: 'c' }])], {}).last).toBe('c')
  })

  test('is of the most exact host name, and of no other one', () => {
    const routes = [
      routeOf('any', [{ name: 'any', matches: [path('/v1/chat')] }]),
      routeOf('wild', [{ name: 'wild', matches: [path('/v1')] }], { hostnames: ['*.example.com'] }),
      routeOf('exact', [{ name: 'exact' }], { hostnames: ['ai.example.com'] }),
    ]
    const to = (host: string, path = '/v1/chat') => match(routes, { headers: [['host', host]], path }).last
    expect(to('AI.example.com:8080')).toBe('exact')
    expect(to('ml.example.com')).toBe('wild')
    expect(to('other.org')).toBe('any')
    expect(to('ml.example.com', '/v2')).toBeUndefined()
    expect(match(routes, {}).notes).toEqual(['the request names no host: it is taken for one to ai.example.com'])
  })

  test('is unknown where an expression is not JavaScript', () => {
    const rules = [any, { name: 'regex', matches: [{ headers: [header('x-team', '(?i)red', 'RegularExpression')] }] }]
    expect(match([routeOf('a', rules)], { headers: [['x-team', 'red']] })).toMatchObject({
      last: 'any',
      notes: ['HTTPRoute default/a rule 2 has an expression that Envoy alone can read'],
    })
    const known = [any, { name: 'regex', matches: [path('/v\\d+/.*', 'RegularExpression')] }]
    expect(lastOf(known)).toBe('regex')
  })
})

describe('it is asked twice', () => {
  const rules = [
    { name: 'qwen', matches: [{ headers: [header('X-Gateway-Model-Name', 'qwen')] }] },
    { name: 'llama', matches: [{ headers: [header('X-Gateway-Model-Name', 'llama')] }] },
  ]
  const withCatchAll = [...rules, { name: 'none', matches: [path('/')] }]

  test('as the request comes, and with the headers that were set', () => {
    const set: [string, string][] = [['x-gateway-model-name', 'qwen']]
    expect(match([routeOf('a', withCatchAll)], {}, set)).toMatchObject({
      first: 'none',
      last: 'qwen',
      others: ['none'],
    })
    expect(match([routeOf('a', rules)], {}, set)).toMatchObject({ first: undefined, last: 'qwen' })
  })

  test('what a client has set counts the first time alone', () => {
    const headers = [['x-gateway-model-name', 'llama']] as const
    const set: [string, string][] = [['x-gateway-model-name', 'qwen']]
    expect(match([routeOf('a', rules)], { headers }, set)).toMatchObject({ first: 'llama', last: 'qwen' })
    expect(match([routeOf('a', rules)], { headers }, [], ['x-gateway-model-name'])).toMatchObject({
      first: 'llama',
      last: undefined,
    })
  })
})
