import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import { define } from '../../src/cli/routes.ts'
import { routes } from '../cli/run-routes.ts'

const root = join(import.meta.dirname, '../..')
const text = readFileSync(join(root, 'docs/routes.md'), 'utf8')

test('docs/routes.md shows what is printed for its example', async () => {
  const [, path, args, shown] = /\$ \.\/bin\/signalbox routes -f (\S+) ([^\n]*)\n(.*?)```/s.exec(text)!
  expect(await routes('-f', join(root, path), ...args.split(' '))).toEqual({ stdout: shown, stderr: '', exitCode: 0 })
})

test('README.md shows the beginning of what is printed for its example', async () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, path, args, shown] = /\$ \.\/bin\/signalbox routes -f (\S+) ([^\n]*)\n(.*?)…\n```/s.exec(readme)!
  const { stdout } = await routes('-f', join(root, path), ...args.split(' '))
  expect(stdout.slice(0, shown.length)).toBe(shown)
})

/** The sources of the compilers. */
const sources = globSync('src/routes/**/*.ts', { cwd: root }).map((path) => readFileSync(join(root, path), 'utf8'))
const written = (pattern: RegExp) => [
  ...new Set(sources.flatMap((source) => [...source.matchAll(pattern)].map(([, found]) => found))),
]

test('docs/routes.md has each annotation that is read', () => {
  const annotations = written(/'((?:ome\.io|signalbox\.dev)\/[a-zA-Z][\w-]+)'/g).filter(
    (each) => !each.startsWith('ome.io/v1'),
  )
  expect(annotations.length).toBeGreaterThan(12)
  expect(annotations.filter((each) => !/^ome\.io\/v\d/.test(each) && !text.includes(`\`${each}`))).toEqual([])
})

test('docs/routes.md has each reason of a condition', () => {
  const reasons = written(/reason: '([A-Z]\w+)'/g)
  expect(reasons.length).toBeGreaterThan(5)
  expect(reasons.filter((each) => !text.includes(`\`${each}\``))).toEqual([])
})

test('docs/routes.md has a row for each flag, with its default', () => {
  const rows = text.matchAll(/^\| (?:`-\w`, )?`(--[\w-]+)[^`]*` \|([^|]*)\|/gm)
  const command = new Command()
  define(command)
  const options = command.options.map(({ long, defaultValue = '' }) => [long, defaultValue])
  expect(Object.fromEntries([...rows].map(([, flag, byDefault]) => [flag, byDefault.trim()]))).toEqual(
    Object.fromEntries(options),
  )
})
