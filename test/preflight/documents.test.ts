import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { define as defineCheck } from '../../src/cli/check.ts'
import { define as defineServe } from '../../src/cli/serve.ts'
import { rules } from '../../src/preflight/preflight.ts'
import { check } from '../cli/run-check.ts'
import { makeTempDirectory } from '../sources/temp-directory.ts'

/** What these documents say is what the code does. */
const root = join(import.meta.dirname, '../..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

const flagsOf = (define: (command: Command) => void) => {
  const command = new Command()
  define(command)
  return command.options.flatMap(({ long }) => long ?? [])
}

test('docs/check.md has a row for each trap, in order, with its severity', () => {
  const rows = [...textOf('docs/check.md').matchAll(/^\| `([a-z-]+)` \| (error|warning) \|/gm)]
  expect(rows.map(([, id, severity]) => ({ id, severity }))).toEqual(
    rules.map(({ id, severity }) => ({ id, severity })),
  )
})

const manifests = /```yaml\n(.*?)```/s.exec(textOf('docs/ai-gateway.md'))![1]

/** A folder and all below it. */
const foldersOf = (path: string): string[] => [
  path,
  ...readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name)),
]

test.each([
  ['examples/two-models'],
  ['deploy/manifests'],
  ['deploy/manifests-with-extension'],
  ['deploy/envoy-gateway'],
  ['deploy/manifests', 'deploy/envoy-gateway'],
])('there are no traps in %s %s', async (...paths) => {
  const { lines, exitCode } = await check(...paths.flatMap(foldersOf).map((folder) => resolve(root, folder)))
  expect(lines).toEqual([expect.stringMatching(/^\d+ resources.*; no problems$/)])
  expect(exitCode).toBe(0)
})

test('README.md shows what check says of examples/traps', async () => {
  const [, shown] = /\$ \.\/bin\/signalbox check -f examples\/traps\n…\n(.*?)\n```/s.exec(textOf('README.md'))!
  const { lines } = await check('examples/traps')
  expect(lines.slice(-shown.split('\n').length)).toEqual(shown.split('\n'))
})

test('docs/ai-gateway.md sets values that the chart has', () => {
  const values = parse(textOf('deploy/helm/signalbox/values.yaml'))
  const named = [...textOf('docs/ai-gateway.md').matchAll(/--set(?:-file)? ([\w.]+)=/g)].map(([, path]) => path)
  expect(named).toContain('serve.transport')
  for (const path of named) expect(values).toHaveProperty(path)
})

test('the manifests of docs/ai-gateway.md have no traps', async () => {
  const file = join(await makeTempDirectory(), 'ai-gateway.yaml')
  await writeFile(file, manifests)
  const { lines } = await check(file)
  expect(lines).toContain('2 resources: 1 pool, 1 other; no problems')
})

describe.each(['docs/check.md', 'docs/ai-gateway.md'])('%s', (path) => {
  const text = textOf(path)

  test('names flags that there are', () => {
    const known = [...flagsOf(defineCheck), ...flagsOf(defineServe), '--set', '--set-file']
    const named = [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag)
    expect(named.filter((flag) => !known.includes(flag))).toEqual([])
  })

  test('has links that lead somewhere', () => {
    const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => target)
    expect(targets.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([])
  })
})
