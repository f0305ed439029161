import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { configurationReference, target } from '../scripts/configuration-reference.ts'
import { namedSettings } from '../scripts/reference/annotations.ts'
import { environment } from '../scripts/reference/environment.ts'
import { fieldsOf } from '../scripts/reference/fields.ts'
import { kindsByType } from '../src/scheduling/plugins.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, target), 'utf8')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(join(root, 'src', path), 'utf8'))

/** What the pattern's group finds in the sources, each once. */
const foundInSources = (pattern: RegExp): string[] => [
  ...new Set(sources.flatMap((text) => [...text.matchAll(pattern)].map(([, name]) => name))),
]

describe('docs/configuration.md', () => {
  test('is what the schemas and flags say: node scripts/configuration-reference.ts', async () => {
    expect(page).toBe(await configurationReference())
  })

  test('has each annotation and label of ours that the sources name', () => {
    const named = foundInSources(/'(signalbox\.dev\/[a-z-]+)'/g)
    expect(named.length).toBeGreaterThan(8)
    const documented = namedSettings.map(({ name }) => name)
    // What the controller calls itself is nothing to set.
    expect(named.filter((name) => name !== 'signalbox.dev/controller' && !documented.includes(name))).toEqual([])
  })

  test('has each environment variable that the sources read', () => {
    const read = foundInSources(/env\.([A-Z][A-Z0-9_]+)/g)
    expect(read.length).toBeGreaterThan(4)
    const documented = environment.map(([name]) => name)
    expect(read.filter((name) => !name.startsWith('OTEL_') && !documented.includes(name))).toEqual([])
  })

  test('has each type of plugin', () => {
    expect([...kindsByType.keys()].filter((type) => !page.includes(`\`${type}\``))).toEqual([])
  })
})

describe('a field', () => {
  const row = (schema: z.ZodType) => fieldsOf(z.object({ x: schema }))

  test.each([
    ['required', z.string().min(1), { type: 'string', byDefault: 'required', allowed: 'not empty' }],
    ['with a default', z.int().min(1).max(9).default(5), { type: 'integer', byDefault: '`5`', allowed: '1 to 9' }],
    ['of some values', z.enum(['a', 'b']).optional(), { type: 'string', byDefault: '', allowed: '`a`, `b`' }],
    [
      'with a limit',
      z.number().gt(0).max(1).optional(),
      { type: 'number', byDefault: '', allowed: 'more than 0, at most 1' },
    ],
    [
      'a list',
      z.array(z.string()).max(3),
      { type: 'list of strings', byDefault: 'required', allowed: 'at most 3 items' },
    ],
    ['a map', z.record(z.string(), z.int()).default({}), { type: 'map of integers', byDefault: '`{}`', allowed: '' }],
    [
      'a duration',
      z
        .string()
        .transform((text) => text.length)
        .default(200),
      { type: 'string', byDefault: '`"200ms"`', allowed: '' },
    ],
  ])('%s', (_what, schema, rest) => {
    expect(row(schema)).toEqual([{ path: 'x', ...rest }])
  })

  test('of objects in it, of two forms, and one that is not looked at', () => {
    const forms = z.union([z.object({ kind: z.literal('a'), a: z.int() }), z.object({ kind: z.literal('b') })])
    const schema = z.object({ items: z.array(z.object({ name: z.string() })).min(1), forms, old: z.unknown() })
    expect(fieldsOf(schema).map(({ path, allowed }) => [path, allowed])).toEqual([
      ['items', 'not empty'],
      ['items[].name', ''],
      ['forms.kind', '`a`, `b`'],
      ['forms.a', ''],
    ])
    expect(row(z.union([z.int(), z.string()]))).toMatchObject([{ path: 'x', type: 'integer or string' }])
  })
})
