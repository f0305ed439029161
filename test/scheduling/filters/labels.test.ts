import { describe, expect, it } from 'vitest'
import {
  byLabelFilter,
  byLabelSelectorFilter,
  labelSelectorFilter,
} from '../../../src/scheduling/filters/label-selector.ts'
import { decodeFilter, encodeFilter, prefillFilter } from '../../../src/scheduling/filters/role.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { left } from './left.ts'

const context = pluginContext()

describe('by role', () => {
  const roles = ['encode', 'prefill', 'decode', 'encode-prefill', 'prefill-decode', 'both', 'encode-prefill-decode']
  const candidates = endpoints(
    ...roles.map((role) => ({ labels: { 'llm-d.ai/role': role } })),
    {},
    {
      labels: { 'llm-d.ai/role': 'cook' },
    },
  )
  it.each([
    ['encode', encodeFilter, ['encode', 'encode-prefill', 'encode-prefill-decode']],
    ['prefill', prefillFilter, ['prefill', 'encode-prefill', 'prefill-decode', 'both', 'encode-prefill-decode']],
    ['decode', decodeFilter, ['decode', 'prefill-decode', 'both', 'encode-prefill-decode', undefined]],
  ])('those that %s', (_stage, kind, kept) => {
    const places = left(kind.create(undefined, context), candidates)
    expect(places.map((place) => candidates[place].labels['llm-d.ai/role'])).toEqual(kept)
  })
})

describe('by a label selector', () => {
  const candidates = endpoints(
    { labels: { gpu: 'h100', zone: 'a' } },
    { labels: { gpu: 'l4', zone: 'a' } },
    { labels: { gpu: 'h100' } },
    {},
  )
  it.each([
    [{}, [0, 1, 2, 3]],
    [{ matchLabels: { gpu: 'h100' } }, [0, 2]],
    [{ matchLabels: { gpu: 'h100', zone: 'a' } }, [0]],
    [{ matchExpressions: [{ key: 'gpu', operator: 'In', values: ['l4', 'a100'] }] }, [1]],
    [{ matchExpressions: [{ key: 'gpu', operator: 'NotIn', values: ['l4'] }] }, [0, 2, 3]],
    [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }, [0, 1]],
    [{ matchExpressions: [{ key: 'zone', operator: 'DoesNotExist', values: [] }] }, [2, 3]],
    [{ matchLabels: { gpu: 'h100' }, matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] }, [2]],
  ])('%j', (selector, kept) => {
    for (const kind of [labelSelectorFilter, byLabelSelectorFilter]) {
      expect(left(kind.create(selector, pluginContext()), candidates)).toEqual(kept)
    }
  })

  it.each([
    [{ matchExpressions: [{ key: 'zone', operator: 'In' }] }, 'values'],
    [{ matchExpressions: [{ key: 'zone', operator: 'NotIn', values: [] }] }, 'values'],
    [{ matchExpressions: [{ key: 'zone', operator: 'Exists', values: ['a'] }] }, 'values'],
    [{ matchExpressions: [{ key: 'zone', operator: 'Near' }] }, 'operator'],
    [{ matchLabels: { zone: 1 } }, 'zone'],
  ])('%j is refused', (selector, place) => {
    expect(() => labelSelectorFilter.create(selector, context)).toThrow(place)
  })

  it.each([
    [{ label: 'gpu', validValues: ['h100', 'a100'] }, [0, 2]],
    [{ label: 'gpu', validValues: ['l4'], allowsNoLabel: true }, [1, 3]],
    [{ label: 'zone', allowsNoLabel: true }, [2, 3]],
  ])('by-label %j', (parameters, kept) => {
    expect(left(byLabelFilter.create(parameters, pluginContext()), candidates)).toEqual(kept)
  })

  it('by-label must be able to keep something', () => {
    expect(() => byLabelFilter.create({ label: 'gpu' }, context)).toThrow('validValues')
  })

  it('the operator is told that types are old', () => {
    const warned = pluginContext()
    byLabelSelectorFilter.create({}, warned)
    byLabelFilter.create({ label: 'a', allowsNoLabel: true }, warned)
    expect(warned.warnings).toEqual(
      ['by-label-selector', 'by-label'].map(
        (type) => `${type}: the type is on its way out of llm-d; label-selector-filter does the same.`,
      ),
    )
  })
})
