import { describe, expect, it } from 'vitest'
import { loraAffinityScorer } from '../../../src/scheduling/scorers/lora-affinity.ts'
import { pluginContext } from '../context.ts'
import { type EndpointState, endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

function score(active: string[], waiting: string[], maxAdapters: number, targetModel = 'sql') {
  const state: EndpointState = { activeAdapters: new Set(active), waitingAdapters: new Set(waiting), maxAdapters }
  return scoresOf(loraAffinityScorer.create(undefined, pluginContext()), endpoints(state), targetModel)[0]
}

describe('a server scores', () => {
  it('1 with the adapter loaded, full or not', () => {
    expect(score(['sql'], [], 4)).toBe(1)
    expect(score(['sql', 'chat'], ['law'], 2)).toBe(1)
  })

  it('0.8 with room for another one, loaded and waiting ones counted', () => {
    expect(score([], [], 1)).toBe(0.8)
    expect(score(['chat'], ['law'], 3)).toBe(0.8)
  })

  it('0.8, not less, with room where requests wait for the adapter', () => {
    expect(score(['chat'], ['sql'], 3)).toBe(0.8)
  })

  it('0.6 without room where requests wait for it', () => {
    expect(score(['chat'], ['sql'], 2)).toBe(0.6)
    expect(score(['chat', 'law'], ['sql', 'code'], 2)).toBe(0.6)
  })

  it('0 without room, loaded or waiting', () => {
    expect(score(['chat'], ['law'], 2)).toBe(0)
  })

  it('0 where it reports no adapters', () => {
    expect(score([], [], 0)).toBe(0)
  })
})

it('scores a base model by the same rules', () => {
  expect(score([], [], 2, 'base')).toBe(0.8)
  expect(score(['chat', 'law'], [], 2, 'base')).toBe(0)
})
