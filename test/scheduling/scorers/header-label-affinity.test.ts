import { expect, it } from 'vitest'
import { headerLabelAffinityScorer } from '../../../src/scheduling/scorers/header-label-affinity.ts'
import { pluginContext } from '../context.ts'
import { endpoints } from '../endpoints.ts'
import { scoresOf } from './scores.ts'

const candidates = endpoints({ labels: { zone: 'a' } }, { labels: { zone: 'b' } }, { labels: { zone: '' } }, {})
const create = (more = {}) =>
  headerLabelAffinityScorer.create({ headerName: 'X-Zone', labelKey: 'zone', ...more }, pluginContext())
const from = (zone: string | undefined) => ({ header: (name: string) => (name === 'x-zone' ? zone : undefined) })

it('scores 1 where the label is what the header says', () => {
  expect(create().headerNames).toEqual(['x-zone'])
  expect(scoresOf(create(), candidates, from('b'))).toEqual([0, 1, 0, 0])
})

it.each([undefined, '', 'c'])('scores 0 where the header says %j', (zone) => {
  expect(scoresOf(create(), candidates, from(zone))).toEqual([0, 0, 0, 0])
})

it('has no part in the response', () => {
  expect(create().responseHeaders).toBeUndefined()
  expect(() => create({ stampResponseHeader: true })).toThrow('stampResponseHeader')
})
