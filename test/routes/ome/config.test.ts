import { describe, expect, test } from 'vitest'
import { readOmeConfig } from '../../../src/routes/ome/config.ts'
import { compile, configMapOf, problemOf } from './build.ts'

const where = 'in ConfigMap ome/inferenceservice-config'

describe('defaults count', () => {
  test.each([
    ['without a ConfigMap', undefined],
    ['without data', null],
    ['without the key', {}],
    ['with null as key', { ingress: null, deploy: null }],
    ['with an empty object', { ingress: '{}', deploy: ' { } ' }],
    ['with nulls', { ingress: '{"ingressDomain": null, "additionalIngressDomains": null, "enableGatewayAPI": null}' }],
  ])('%s', (_name, data) => {
    const { ingress, deploy } = readOmeConfig(data === undefined ? undefined : { ...configMapOf({}), data })
    expect({ ingress, deploy }).toEqual({ ingress: { fields: {} }, deploy: { fields: {} } })
  })
})

test('fields that are not known are left out', () => {
  const { ingress } = readOmeConfig(configMapOf({ ingress: { ingressService: 1, __proto__: 1, urlScheme: 'https' } }))
  expect(ingress).toEqual({ fields: { urlScheme: 'https' } })
})

describe('a key that is no JSON object is named', () => {
  test.each(['', 'null', '[]', '"x"', '1', '{"ingressDomain": "a",', '{a: 1}', 'ingressDomain: example.com'])(
    '%j',
    (text) => {
      const found = `${where}: found "${text}", allowed: a JSON object`
      expect(problemOf({ ingress: text })).toContain(`ConfigInvalid: ingress ${found}`)
      expect(problemOf({ deploy: text })).toContain(`ConfigInvalid: deploy ${found}`)
    },
  )

  test('as the object that it would be without a |', () => {
    const config = readOmeConfig({ ...configMapOf({}), data: { ingress: { urlScheme: 'http' } } })
    expect(config.ingress).toMatchObject({
      failure: {
        message: `ingress ${where}: found {"urlScheme":"http"} (an object), allowed: a string that is a JSON object`,
      },
    })
  })

  test('on one line, whatever the text', () => {
    expect(problemOf({ ingress: '{\n  "urlScheme":\n}' })).not.toContain('\n')
  })
})

describe('a value of another type is named', () => {
  test.each([
    ['ingressDomain', 7, '7 (a number), allowed: a string'],
    ['urlScheme', false, 'false (a boolean), allowed: a string'],
    ['pathTemplate', ['/a'], '["/a"] (a list), allowed: a string'],
    ['omeIngressGateway', { name: 'gw' }, '{"name":"gw"} (an object), allowed: a string'],
    ['enableGatewayAPI', 'true', '"true", allowed: true or false'],
    ['disableIngressCreation', 1, '1 (a number), allowed: true or false'],
    ['disableIstioVirtualHost', 'false', '"false", allowed: true or false'],
    ['additionalIngressDomains', 'a.example.com', '"a.example.com", allowed: a list of strings'],
    ['additionalIngressDomains', {}, '{} (an object), allowed: a list of strings'],
  ])('%s: %j', (field, value, found) => {
    const problem = `ConfigInvalid: ingress.${field} ${where}: found ${found}`
    expect(problemOf({ ingress: { [field]: value } })).toBe(problem)
  })

  test('as an item of a list', () => {
    const ingress = { additionalIngressDomains: ['a.example.com', 7] }
    const field = `ingress.additionalIngressDomains[1] ${where}`
    expect(problemOf({ ingress })).toBe(`ConfigInvalid: ${field}: found 7 (a number), allowed: a string`)
  })

  test('as the default mode', () => {
    const field = `deploy.defaultDeploymentMode ${where}`
    const problem = `ConfigInvalid: ${field}: found 1 (a number), allowed: a string`
    expect(problemOf({ deploy: { defaultDeploymentMode: 1 } })).toBe(problem)
  })

  test('even where an annotation overrides it', () => {
    const given = { annotations: { 'ome.io/ingress-domain': 'a.com' }, ingress: { ingressDomain: 7 } }
    expect(problemOf(given)).toContain('ingress.ingressDomain')
  })

  test('at the field to mend', () => {
    const { problem } = compile({ ingress: { additionalIngressDomains: ['a', 7] } })
    expect(problem?.at.object.kind).toBe('ConfigMap')
    expect(problem?.at.path).toEqual(['data', 'ingress', 'additionalIngressDomains', 1])
  })
})

test.each([
  ['half a character', { urlScheme: '\ud83d' }],
  ['a character where a long text is cut off', { urlScheme: `${'x'.repeat(999)}😀` }],
  ['such a character in what is no JSON', `${'x'.repeat(999)}😀`],
])('a message is one that an API server gives back as it was sent: %s', (_name, ingress) => {
  expect(problemOf({ annotations: { 'ome.io/deployment-mode': 'RawDeployment' }, ingress })).toSatisfy(
    (message: string) => message.isWellFormed(),
  )
})

test('one fault of the ConfigMap is that of every service that needs it', () => {
  const config = readOmeConfig(configMapOf({ ingress: { urlScheme: 1 } }))
  expect(config.ingress).toHaveProperty('failure')
  expect(config.deploy).toEqual({ fields: {} })
})
