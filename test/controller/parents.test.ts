import { describe, expect, test } from 'vitest'
import type { Finding } from '../../src/controller/condition.ts'
import {
  controllerName,
  type ParentFinding,
  parentFormatV1,
  parentFormatV1alpha2,
  withParents,
} from '../../src/controller/parents.ts'

const noon = Date.UTC(2026, 0, 31, 12)
const now = '2026-01-31T12:00:00Z'
const finding: Finding = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'yes', observedGeneration: 1 }
const parent = (name: string, ...findings: Finding[]): ParentFinding => ({
  namespace: 'gateways',
  name,
  findings: findings.length === 0 ? [finding] : findings,
})
const v1 = (status: unknown, wanted: readonly ParentFinding[], epochMs = noon) =>
  withParents(status, wanted, parentFormatV1, 'default', epochMs)
const v1alpha2 = (status: unknown, wanted: readonly ParentFinding[]) =>
  withParents(status, wanted, parentFormatV1alpha2, 'default', noon)

type Parents = { parents: Record<string, unknown>[] }
const theirs = { parentRef: { name: 'theirs' }, controllerName: 'example.com/other', conditions: [] }

describe('the parents of a pool', () => {
  test('that has none, and shall have none, stay away', () => {
    for (const status of [undefined, {}, { parents: [] }, { parents: [theirs] }]) expect(v1(status, [])).toBeUndefined()
  })

  test('once written are not written again', () => {
    const wanted = [parent('a'), parent('b')]
    const status = v1(undefined, wanted)
    expect(v1(status, wanted, noon + 60_000)).toBeUndefined()
    expect(v1alpha2(v1alpha2(undefined, wanted), wanted)).toBeUndefined()
  })

  test('of which one changes keep the others as they are, times and all', () => {
    const before = v1(undefined, [parent('a'), parent('b')]) as Parents
    const changed = parent('b', { ...finding, status: 'False', reason: 'HTTPRouteNotAccepted' })
    const after = v1(before, [parent('a'), changed], noon + 60_000) as Parents
    expect(after.parents[0]).toBe(before.parents[0])
    expect(after.parents[1]).toMatchObject({
      controllerName,
      conditions: [
        { status: 'False', reason: 'HTTPRouteNotAccepted', lastTransitionTime: '2026-01-31T12:01:00Z' },
        { type: 'signalbox.dev/Controller', lastTransitionTime: now },
      ],
    })
  })

  test('are known again where the API has dropped the name of the controller', () => {
    const { parents } = v1(undefined, [parent('a')]) as Parents
    const dropped = { parents: parents.map(({ controllerName: _, ...entry }) => entry) }
    expect(v1(dropped, [parent('a')])).toBeUndefined()
    expect(v1(dropped, [])).toEqual({ parents: [] })
  })

  test('keep conditions that somebody else has added to an entry of ours', () => {
    const { parents } = v1(undefined, [parent('a')]) as Parents
    const added = { type: 'example.com/Seen', status: 'True', reason: 'Seen', message: '', lastTransitionTime: now }
    const status = { parents: [{ ...parents[0], conditions: [...(parents[0].conditions as object[]), added] }] }
    expect(v1(status, [parent('a')])).toBeUndefined()
    const after = v1(status, [parent('a', { ...finding, message: 'still' })]) as Parents
    expect(after.parents[0].conditions).toContainEqual(added)
  })

  test('leave room for those of others: 32 are all that there can be', () => {
    const others = Array.from({ length: 31 }, () => theirs)
    const status = v1({ parents: others }, [parent('a'), parent('b')]) as Parents
    expect(status.parents).toHaveLength(32)
    expect(status.parents.slice(0, 31)).toEqual(others)
    expect(v1(status, [parent('a'), parent('b')])).toBeUndefined()
  })

  test('do not touch what else is in the status', () => {
    expect(v1({ parents: [theirs], other: 1 }, [parent('a')])).toMatchObject({ other: 1 })
  })
})

describe('v1alpha2: the entry that says that no controller has taken the pool on', () => {
  const pending = {
    ...{ type: 'Accepted', status: 'Unknown', reason: 'Pending', message: 'Waiting for controller' },
    lastTransitionTime: '1970-01-01T00:00:00Z',
  }
  const placeholder = {
    parentRef: { group: 'gateway.networking.k8s.io', kind: 'Status', name: 'default' },
    conditions: [pending],
  }

  test('stays while there is nothing to say', () => {
    expect(v1alpha2({ parent: [placeholder] }, [])).toBeUndefined()
  })

  test('goes with the first entry, and comes with the last', () => {
    const status = v1alpha2({ parent: [placeholder] }, [parent('a')]) as { parent: object[] }
    expect(status.parent).toMatchObject([{ parentRef: { kind: 'Gateway', name: 'a' } }])
    expect(v1alpha2(status, [])).toEqual({ parent: [placeholder] })
  })

  test('goes when it stands beside an entry of ours', () => {
    const { parent: entries } = v1alpha2(undefined, [parent('a')]) as { parent: object[] }
    expect(v1alpha2({ parent: [placeholder, ...entries] }, [parent('a')])).toEqual({ parent: entries })
  })
})
