import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CompiledService, Generated } from '../../../src/routes/compiled.ts'
import { compileInferenceService, componentServiceNames } from '../../../src/routes/ome/compile.ts'
import { readOmeConfig } from '../../../src/routes/ome/config.ts'
import { type Case, cases } from './any-case.ts'

const compile = ({ service, configMap, observed }: Case): CompiledService =>
  compileInferenceService(service, readOmeConfig(configMap), () => observed)

const check = (property: (compiled: CompiledService, given: Case) => void): void =>
  fc.assert(
    fc.property(cases, (given) => property(compile(given), given)),
    { numRuns: 800 },
  )

test('the cases of these properties reach all that can be made, and every fault', () => {
  const reached = new Map<string, number>()
  for (const given of fc.sample(cases, { seed: 1, numRuns: 3000 })) {
    const { objects, problem, status } = compile(given)
    const [{ reason }] = status.conditions
    const kinds = new Set(objects.map(({ kind }) => kind))
    for (const what of [...kinds, problem?.reason ?? reason ?? 'routed'])
      reached.set(what, (reached.get(what) ?? 0) + 1)
  }
  expect([...reached.keys()].sort()).toEqual([
    'AuthUnsupported',
    'ClusterLocal',
    'ComponentNotReady',
    'ConfigInvalid',
    'DeploymentModeInvalid',
    'DomainTemplateInvalid',
    'HTTPRoute',
    'Ingress',
    'IngressDisabled',
    'NameInvalid',
    'PathTemplateInvalid',
    'SecurityPolicy',
    'Service',
    'VirtualDeployment',
    'VirtualService',
    'routed',
  ])
  expect(Math.min(...reached.values())).toBeGreaterThan(10)
})

test('whatever a service, the ConfigMap and a Service hold, there is one verdict', () => {
  check(({ status, problem, objects, others }) => {
    const types = status.conditions.map(({ type }) => type)
    expect(types.filter((type) => type === 'IngressReady' || type === 'Ready')).toHaveLength(1)
    expect(new Set(types).size).toBe(types.length)
    const [verdict, ...more] = status.conditions
    if (verdict.status === 'True') {
      expect({ problem, others }).toEqual({ problem: undefined, others: 'delete' })
      expect(more.every(({ status, reason, message }) => status === 'False' && reason && message)).toBe(true)
    } else {
      expect({ objects, more, url: status.url, address: status.address }).toEqual({ objects: [], more: [] })
      expect(verdict.reason).toBe(problem?.reason ?? 'ComponentNotReady')
    }
  })
})

test('a fault names the field and its value, and where it stands', () => {
  check(({ problem, status }, { service, configMap }) => {
    if (problem === undefined) return
    const { object, path } = problem.at
    expect(status.conditions[0].message).toBe(problem.message)
    // Of a default it is the annotation that mends it.
    if (object === service && problem.message.startsWith('ingress.')) return
    expect(problem.message).toContain(path.findLast((segment) => typeof segment === 'string'))
    const value = path.reduce<unknown>((at, segment) => (at as Record<string, unknown> | undefined)?.[segment], {
      ...object,
      ...(object === configMap ? { data: parsed(object.data) } : {}),
    })
    // An empty text mostly counts as nothing.
    const isShort = typeof value === 'string' && value !== '' && value.length <= 100
    if (path[0] !== 'data' && isShort)
      expect(value.split(',').some((part) => problem.message.includes(part.trim()))).toBe(true)
    if (path[0] !== 'data' && typeof value === 'number') expect(problem.message).toContain(`${value}`)
    if (path.length === 3 && path[0] === 'data' && isShort) expect(problem.message).toContain(`"${value}"`)
  })
})

/** The keys of a ConfigMap as what their texts say. */
function parsed(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => {
      try {
        return [key, JSON.parse(text)]
      } catch {
        return [key, text]
      }
    }),
  )
}

test('what was open stays open on a fault, but not where it was meant to be closed', () => {
  check(({ problem, others }) => {
    if (problem === undefined) return
    const isAuth = problem.reason === 'AuthUnsupported' || /^signalbox\.dev\/auth(-secret)?: /.test(problem.message)
    expect(others).toBe(isAuth ? 'delete' : 'keep')
  })
})

test('what is generated has names that it can have, one owner, and nothing that JSON would lose', () => {
  check(({ objects }, { service }) => {
    for (const object of objects) {
      const { name, namespace, labels, annotations, ownerReferences } = object.metadata
      expect(name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/)
      expect(namespace).toBe('ml')
      expect(ownerReferences).toHaveLength(1)
      expect(ownerReferences[0].name).toBe(service.metadata.name)
      expect(labels?.['ome.io/inferenceservice']?.length).toBeLessThanOrEqual(63)
      for (const value of Object.values({ ...labels, ...annotations })) expect(typeof value).toBe('string')
      expect(JSON.parse(JSON.stringify(object))).toStrictEqual(object)
    }
    const keys = objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(keys).size).toBe(keys.length)
  })
})

test('hosts are names that can be looked up, each once; the main one is that of the URL', () => {
  check(({ objects, status }) => {
    const hosts = objects.filter(({ metadata }) => !metadata.name.endsWith('-path')).flatMap(hostsOf)
    for (const host of hosts) {
      expect(host).toMatch(/^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
      expect(host).not.toMatch(/^[0-9.]+$/)
    }
    expect(new Set(hosts).size).toBe(hosts.length)
    if (hosts.length > 0) expect(hosts).toContain(status.url?.replace(/^https?:\/\//, ''))
  })
})

function hostsOf({ kind, spec }: Generated): readonly string[] {
  switch (kind) {
    case 'Ingress':
      return (spec.rules as { host: string }[]).map(({ host }) => host)
    case 'HTTPRoute':
      return spec.hostnames as string[]
    case 'VirtualService':
      return spec.hosts as string[]
    default:
      return []
  }
}

test('with authentication nothing is made but what asks for it', () => {
  check(({ objects, problem }, { service }) => {
    const annotations = service.metadata.annotations ?? {}
    if (problem !== undefined || objects.length === 0 || !Object.hasOwn(annotations, 'signalbox.dev/auth')) return
    const routes = objects.filter(({ kind }) => kind === 'HTTPRoute')
    if (routes.length === 0) {
      expect(objects).toMatchObject([{ kind: 'Ingress', spec: { ingressClassName: 'nginx' } }])
      expect(objects[0].metadata.annotations).toMatchObject({ 'nginx.ingress.kubernetes.io/auth-type': 'basic' })
    } else {
      expect(objects[0].kind).toBe('SecurityPolicy')
      expect(objects[0].spec.targetRefs).toMatchObject(routes.map(({ metadata }) => ({ name: metadata.name })))
      expect(objects).toHaveLength(routes.length + 1)
    }
  })
})

test('the same input gives the same result, and stays as it was', () => {
  fc.assert(
    fc.property(cases, (given) => {
      const before = structuredClone(given)
      expect(compile(given)).toEqual(compile(structuredClone(given)))
      expect(given).toEqual(before)
    }),
    { numRuns: 300 },
  )
})

test('the names of Services are told for any input', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.jsonValue(), (name, spec) => {
      const service = { apiVersion: 'x', kind: 'y', metadata: { name }, spec }
      expect(componentServiceNames(service)).toHaveLength(3)
    }),
  )
})
