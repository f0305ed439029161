import { expect, test } from 'vitest'
import { compile, type Given, gateway, raw } from './build.ts'

/** A fault for every check, in the order of the checks; mending one brings the next to light. */
function faultsFrom(step: number, isServerless: boolean): Given {
  const broken = (at: number) => at >= step
  const annotations = {
    ...(isServerless ? {} : raw),
    ...(broken(1) ? { 'ome.io/deployment-mode': 'nope' } : {}),
    ...(broken(3) ? { 'signalbox.dev/auth': 'nope' } : {}),
    ...(broken(4) ? { 'ome.io/ingress-url-scheme': 'nope' } : {}),
    'ome.io/ingress-domain-template': broken(6) ? '{{ .Nope }}' : `{{ .Name }}${broken(8) ? 'x'.repeat(55) : ''}.com`,
    ...(broken(7) ? { 'ome.io/ingress-additional-domains': 'NOPE' } : {}),
    ...(broken(9) ? { 'ome.io/ingress-path-template': 'nope' } : {}),
  }
  const empty = { localGateway: '', ingressGateway: '', omeIngressGateway: '' }
  const ingress = { ...gateway, ...(broken(5) ? empty : {}) }
  return {
    ...(broken(0) ? { name: 'n.ope' } : {}),
    annotations,
    spec: { router: {} },
    ingress: broken(2) ? 'nope' : ingress,
    ...(broken(10) ? { status: { conditions: [] } } : {}),
  }
}

const steps = [
  'NameInvalid metadata.name',
  'DeploymentModeInvalid ome.io/deployment-mode',
  'ConfigInvalid ingress',
  'ConfigInvalid signalbox.dev/auth',
  'ConfigInvalid ome.io/ingress-url-scheme',
  'ConfigInvalid ingress.',
  'DomainTemplateInvalid ome.io/ingress-domain-template',
  'ConfigInvalid ome.io/ingress-additional-domains',
  'DomainTemplateInvalid ome.io/ingress-domain-template',
  'PathTemplateInvalid ome.io/ingress-path-template',
  'ComponentNotReady Target service not ready',
]

test.each([true, false])('the first fault wins, in the order of the checks (Serverless: %s)', (isServerless) => {
  const found = steps.map((_, step) => {
    const [condition, ...more] = compile(faultsFrom(step, isServerless)).status.conditions
    expect(more).toEqual([])
    return `${condition.reason} ${condition.message}`
  })
  for (const [index, text] of found.entries()) expect(text).toContain(steps[index])
  const { status } = compile(faultsFrom(steps.length, isServerless))
  expect(status.conditions).toEqual([{ type: 'IngressReady', status: 'True' }])
})

test('a fault has nothing beside it: no object, no URL, no other condition', () => {
  for (const step of steps.slice(0, -1).keys()) {
    const { objects, others, status, problem } = compile(faultsFrom(step, false))
    expect(objects).toEqual([])
    expect(others).toBe(problem?.at.path.includes('signalbox.dev/auth') ? 'delete' : 'keep')
    expect(status).toEqual({
      conditions: [{ type: 'IngressReady', status: 'False', reason: problem?.reason, message: problem?.message }],
    })
  }
})

test('a fault of the ConfigMap is mended there, another one in the service', () => {
  const atOf = (given: Given) => compile(given).problem?.at
  expect(atOf({ ingress: 'nope' })).toMatchObject({ object: { kind: 'ConfigMap' }, path: ['data', 'ingress'] })
  expect(atOf({ ingress: { urlScheme: 'ftp' } })).toMatchObject({
    object: { kind: 'ConfigMap' },
    path: ['data', 'ingress', 'urlScheme'],
  })
  const key = 'ome.io/ingress-url-scheme'
  expect(atOf({ annotations: { [key]: 'ftp' }, ingress: {} })).toMatchObject({
    object: { kind: 'InferenceService' },
    path: ['metadata', 'annotations', key],
  })
})

test('conditions that tell of what had no effect stand beside IngressReady', () => {
  const annotations = { ...raw, 'ome.io/ingress-path-template': '/a' }
  const types = compile({ annotations }).status.conditions.map(({ type, status }) => `${type} ${status}`)
  expect(types).toEqual(['IngressReady True', 'PathTemplateApplied False'])
})
