import { expect, test } from 'vitest'
import type { KubeObject } from '../../src/kubernetes/object.ts'
import { byAge } from '../../src/routes/precedence.ts'

const made = (name: string, creationTimestamp?: unknown, namespace = 'ml'): KubeObject =>
  ({ apiVersion: 'v1', kind: 'A', metadata: { name, namespace, creationTimestamp } }) as KubeObject

test.each([
  ['the one made first', made('b', '2026-01-01T00:00:00Z'), made('a', '2026-01-02T00:00:00Z')],
  ['in whatever time zone', made('b', '2026-01-01T23:00:00Z'), made('a', '2026-01-01T23:30:00-01:00')],
  ['one made at the beginning of time', made('b', '1970-01-01T00:00:00Z'), made('a', '2026-01-01T00:00:00Z')],
  ['one with a time', made('b', '2999-01-01T00:00:00Z'), made('a')],
  ['one whose time can be read', made('b', '2026-01-01T00:00:00Z'), made('a', 'yesterday')],
  ['without times, the first namespace', made('b', undefined, 'a'), made('a', undefined, 'b')],
  ['in one namespace, the first name', made('B'), made('a')],
])('older is %s', (_, older, younger) => {
  expect(byAge(older, younger)).toBeLessThan(0)
  expect(byAge(younger, older)).toBeGreaterThan(0)
})
