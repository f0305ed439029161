import { expect, test } from 'vitest'
import { latencyProfiles } from '../../src/sim/latency.ts'
import { parseSettingsChange, Settings } from '../../src/sim/settings.ts'

test('a profile comes first, single fields over it, and later changes keep the rest', () => {
  const settings = new Settings()
  expect(settings.view()).toEqual({ latency: latencyProfiles.instant, tokens: 16, faults: [] })
  settings.change({ latency: { profile: '8b-h100', ttftMs: 7 } })
  expect(settings.latency).toEqual({ ...latencyProfiles['8b-h100'], ttftMs: 7 })
  settings.change({ latency: { itlMs: 0 }, tokens: 3 })
  expect(settings.latency).toEqual({ ...latencyProfiles['8b-h100'], ttftMs: 7, itlMs: 0 })
  settings.change({ faults: [{ kind: 'abort' }] })
  expect(settings.view()).toMatchObject({ latency: { ttftMs: 7 }, tokens: 3, faults: [{ kind: 'abort' }] })
})

test.each([
  [{ faults: [{ kind: 'abort' }, { kind: 'status', code: 99 }] }, /^faults\[1\]\.code: .*400/],
  [{ faults: [{ kind: 'abort', rate: 2 }] }, /^faults\[0\]\.rate: .*<=1/],
  [{ faults: [{ kind: 'explode' }] }, /^faults\[0\]\.kind: expected kind status/],
  [{ latency: { ttftMs: -1 } }, /^latency\.ttftMs: /],
  [{ latency: { profile: '9b' } }, /^latency\.profile: .*8b-h100/],
  [{ latency: { ttft: 1 } }, /^latency\.ttft: Unrecognized/],
  [{ tokens: 1.5 }, /^tokens: /],
  [[], /^Invalid input: expected object/],
  [{ tokens: 0, speed: 1 }, /^tokens: .*; speed: Unrecognized/],
])('%j is refused with the field', (change, message) => {
  expect(() => parseSettingsChange(change)).toThrow(
    expect.objectContaining({ message: expect.stringMatching(message) }),
  )
})
