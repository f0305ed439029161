import { describe, expect, test } from 'vitest'
import { flowPolicyKinds } from '../../src/admission/options.ts'

const parse = (type: keyof typeof flowPolicyKinds, parameters: unknown) => {
  const { success, data, error } = flowPolicyKinds[type].safeParse(parameters)
  return success ? data : error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test('all policies are there', () => {
  expect(Object.keys(flowPolicyKinds)).toEqual([
    'global-strict-fairness-policy',
    'round-robin-fairness-policy',
    'program-aware-fairness',
    'fcfs-ordering-policy',
    'edf-ordering-policy',
    'slo-deadline-ordering-policy',
    'static-usage-limit-policy',
    'priority-holdback-policy',
    'soft-reflective-ceiling-policy',
  ])
})

describe('defaults', () => {
  test('of least attained service', () => {
    expect(parse('program-aware-fairness', {})).toEqual({
      strategy: 'las',
      lasWeightService: 0.8,
      lasWeightHeadWait: 0.2,
      lasHalfLifeSeconds: 60,
      evictionTtlSeconds: 3_600,
      evictionSweepSeconds: 300,
    })
  })

  test('of the usage limits', () => {
    expect(parse('static-usage-limit-policy', {})).toEqual({ threshold: 1 })
    expect(parse('priority-holdback-policy', { minCeiling: 0.4 })).toEqual({
      domain: 'rank',
      shape: 'linear',
      minCeiling: 0.4,
      maxCeiling: 1,
    })
    const ceilings = { '100': 0.95, '10': 0.3, '-5': 0.3 }
    expect(parse('priority-holdback-policy', { domain: 'explicit', ceilings })).toEqual({
      domain: 'explicit',
      ceilings,
    })
  })
})

describe('mistakes', () => {
  test.each([
    { type: 'round-robin-fairness-policy', parameters: { quantum: 1 }, says: ': Unrecognized key: "quantum"' },
    { type: 'soft-reflective-ceiling-policy', parameters: { threshold: 1 }, says: ': Unrecognized key: "threshold"' },
    {
      type: 'static-usage-limit-policy',
      parameters: { threshold: 0 },
      says: 'threshold: Too small: expected number to be >0',
    },
    {
      type: 'program-aware-fairness',
      parameters: { strategy: 'drr' },
      says: 'strategy: Invalid input: expected "las"',
    },
    {
      type: 'program-aware-fairness',
      parameters: { lasHalfLifeSeconds: -1 },
      says: 'lasHalfLifeSeconds: Too small: expected number to be >=0',
    },
    {
      type: 'priority-holdback-policy',
      parameters: {},
      says: 'minCeiling: Invalid input: expected number, received undefined',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { minCeiling: 1 },
      says: 'minCeiling: Too big: expected number to be <1',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { minCeiling: 0.6, maxCeiling: 0.5 },
      says: 'minCeiling: must be less than maxCeiling',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { minCeiling: 0.1, ceilings: { 1: 1 } },
      says: ': Unrecognized key: "ceilings"',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: {} },
      says: 'ceilings: must name at least one priority',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: { 9: 0.5, 1: 0.6 } },
      says: 'ceilings: a lower priority must not have a higher ceiling',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: { 10: 0.5, 9: 0.6 } },
      says: 'ceilings: a lower priority must not have a higher ceiling',
    },
    {
      type: 'priority-holdback-policy',
      parameters: { domain: 'explicit', ceilings: { '-2': 0.5, '-10': 0.6 } },
      says: 'ceilings: a lower priority must not have a higher ceiling',
    },
  ] as const)('$type $parameters', ({ type, parameters, says }) => {
    expect(parse(type, parameters)).toContain(says)
  })

  test.each(['high', '1.5'])('a ceiling for priority %s', (priority) => {
    expect(
      flowPolicyKinds['priority-holdback-policy'].safeParse({ domain: 'explicit', ceilings: { [priority]: 1 } })
        .success,
    ).toBe(false)
  })
})
