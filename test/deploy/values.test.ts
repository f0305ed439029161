import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isMap, type Pair, parseDocument, stringify, type YAMLMap } from 'yaml'

const root = join(import.meta.dirname, '..', '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')
const chart = 'deploy/helm/signalbox'

/** A value of the chart: `serve.replicas`, how it is by default, and what is said of it. */
type Value = { readonly path: string; readonly byDefault: string; readonly text: string }

const schema = JSON.parse(textOf(`${chart}/values.schema.json`)) as Schema
const values = [...valuesIn(parseDocument(textOf(`${chart}/values.yaml`)).contents as YAMLMap<unknown, unknown>, '')]

test('the schema has every value, and no other', () => {
  const inSchema = [...pathsIn(schema, '')].filter((path) => path !== 'global')
  expect(values.map(({ path }) => path).sort()).toEqual(inSchema.sort())
})

test('every value has a sentence to it', () => {
  for (const { path, text } of values) expect([path, text]).toEqual([path, expect.stringMatching(/^[\w`0-9].+\.$/)])
})

test('docs/install.md has the table of values', () => {
  const table = [
    '| value | default | what it is |',
    '|---|---|---|',
    ...values.map(({ path, byDefault, text }) => `| \`${path}\` | \`${byDefault}\` | ${text} |`),
  ]
  const [, section] = textOf('docs/install.md').split('## Values\n')
  expect(section.trim().split('\n')).toEqual(table)
})

/** Maps in blocks are sections; what is written in one line is a value, and so are `resources`. */
function* valuesIn(section: YAMLMap<unknown, unknown>, path: string): Generator<Value> {
  for (const [i, { key, value }] of (section.items as Pair<{ value: string; commentBefore?: string }>[]).entries()) {
    const own = `${path}${key!.value}`
    if (isMap(value) && value.flow !== true && key!.value !== 'resources') yield* valuesIn(value, `${own}.`)
    else {
      // The comment before a map's first key is the map's.
      const comment = key!.commentBefore ?? (i === 0 ? section.commentBefore : undefined) ?? ''
      const byDefault = stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
      // After an empty line: what is above that is said of the file.
      const lines = comment.split('\n\n').at(-1)!.split('\n')
      yield { path: own, byDefault, text: lines.map((line) => line.trim()).join(' ') }
    }
  }
}

type Schema = {
  readonly $ref?: string
  readonly type?: string | string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly definitions?: Readonly<Record<string, Schema>>
}

function* pathsIn({ properties = {} }: Schema, path: string): Generator<string> {
  for (const [name, property] of Object.entries(properties)) {
    const resolved = property.$ref ? schema.definitions![property.$ref.split('/').at(-1)!] : property
    const isSection = resolved.properties !== undefined && name !== 'resources' && name !== 'endpointPickerConfig'
    if (isSection) yield* pathsIn(resolved, `${path}${name}.`)
    else yield `${path}${name}`
  }
}
