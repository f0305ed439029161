import { describe, expect, test } from 'vitest'
import { compile, type Given, problemOf, raw } from './build.ts'

const is = (type: string, status: unknown = 'True') => ({ type, status })
const isReady = (spec: object, status: unknown): boolean => {
  const { objects, others, status: written, problem } = compile({ annotations: raw, spec, status })
  expect(problem).toBeUndefined()
  if (objects.length > 0) return true
  const message = 'Target service not ready for ingress creation'
  const condition = { type: 'IngressReady', status: 'False', reason: 'ComponentNotReady', message }
  expect({ others, written }).toEqual({ others: 'keep', written: { conditions: [condition] } })
  return false
}

const router = { router: {} }
const decoder = { decoder: {} }

describe('what OME has not judged yet counts as ready', () => {
  test.each([
    [undefined],
    [null],
    [{}],
    [{ conditions: null }],
    [{ components: {} }],
    [{ conditions: [is('Ready', 'False')] }],
    [{ conditions: [is('IngressReady', 'False'), is('PathTemplateApplied'), is('ServiceTypeValid')] }],
    [{ conditions: [is('IngressClassApplied', 'False'), is('ModelRouteReady', 'False')] }],
  ])('%j', (status) => expect(isReady({ ...router, ...decoder }, status)).toBe(true))
})

describe('else the entry component and a decoder have to be ready', () => {
  test.each<[object, readonly unknown[], boolean]>([
    [{}, [], false],
    [{}, [is('EngineReady')], true],
    [{}, [is('EngineReady', 'False')], false],
    [{}, [is('EngineReady', 'Unknown')], false],
    [{}, [is('EngineReady', true)], false],
    [{}, [is('EngineReady', 'true')], false],
    [{}, [{ type: 'EngineReady' }], false],
    [{}, [is('Other')], false],
    [{}, [is('IngressReady'), is('Other')], false],
    [{}, [is('IngressReady', 'False'), is('EngineReady')], true],
    [{}, [null], false],
    [{}, ['EngineReady'], false],
    [{}, [{}], false],
    [router, [is('EngineReady')], false],
    [router, [is('RouterReady')], true],
    [router, [is('RouterReady'), is('EngineReady', 'False')], true],
    [decoder, [is('EngineReady')], false],
    [decoder, [is('EngineReady'), is('DecoderReady')], true],
    [decoder, [is('DecoderReady')], false],
    [{ ...router, ...decoder }, [is('RouterReady'), is('DecoderReady')], true],
    [{ ...router, ...decoder }, [is('RouterReady'), is('EngineReady')], false],
  ])('%j with %j: %s', (spec, conditions, expected) => expect(isReady(spec, { conditions })).toBe(expected))
})

test.each([
  ['status', 'ready'],
  ['status', []],
  ['status.conditions', {}],
  ['status.conditions', 'Ready'],
])('a %s of another shape is named: %j', (field, value) => {
  const status = field === 'status' ? value : { conditions: value }
  expect(problemOf({ annotations: raw, status })).toContain(`ConfigInvalid: ${field}: found `)
})

test.each<Given>([
  { annotations: { ...raw, 'ome.io/ingress-domain-template': '{{' } },
  { annotations: { ...raw, 'ome.io/ingress-path-template': 'x' } },
  { annotations: { ...raw, 'ome.io/ingress-class': '_' } },
])('a fault is told even while a component is not ready: %o', (given) => {
  expect(compile({ ...given, status: { conditions: [] } }).problem).toBeDefined()
})
