import { Command } from 'commander'
import { expect, test } from 'vitest'
import {
  defineSourceFlags,
  onlyPoolOf,
  type SourceFlags,
  sourceConflict,
  sourceOf,
} from '../../src/cli/source-flags.ts'

function flagsOf(line: string): SourceFlags {
  const command = new Command()
  defineSourceFlags(command)
  command.parse(line.split(' '), { from: 'user' })
  return command.opts<SourceFlags>()
}

test.each([
  ['--pool-namespace=ai', /^nothing to serve from/],
  ['--resources a --kubernetes', /^--resources reads files/],
  ['--resources a --kubeconfig b', /^--resources reads files/],
  ['--resources a --endpoint-selector app=x', /^--resources reads files/],
  ['--kubernetes --endpoints a', /^--endpoints goes with --resources/],
  ['--pool-name a --endpoint-selector app=x --endpoint-target-ports 8000', /one of them$/],
  ['--endpoint-selector app=x', /go together$/],
  ['--kubernetes --endpoint-target-ports 8000', /go together$/],
  ['--kubernetes --ha-enable-leader-election', /--pool-name names it$/],
  ['--resources a --pool-name b --ha-enable-leader-election', /--pool-name names it$/],
])('%s is refused', (line, why) => {
  expect(sourceConflict(flagsOf(line))).toMatch(why)
})

test.each([
  '--resources a b --endpoints c',
  '--kubernetes',
  '--kubeconfig a',
  '--pool-name a',
  '--pool-name a --ha-enable-leader-election',
  '--endpoint-selector app=x --endpoint-target-ports 8000,8001 --ha-enable-leader-election',
])('%s goes', (line) => {
  expect(sourceConflict(flagsOf(line))).toBeUndefined()
})

test('files are read when they are named, else a cluster', () => {
  expect(sourceOf(flagsOf('--resources a b --endpoints c --pool-namespace ai'))).toEqual({
    kind: 'files',
    resources: ['a', 'b'],
    endpointsFile: 'c',
    defaultNamespace: 'ai',
  })
  expect(sourceOf(flagsOf('--kubernetes --kubeconfig a --watch-namespace ai --pool-group b'))).toEqual({
    kind: 'kubernetes',
    kubeconfig: 'a',
    namespace: 'ai',
    poolGroup: 'b',
    standing: [],
  })
})

test('one pool is served when it is named, or stands for a selector', () => {
  expect(onlyPoolOf(flagsOf('--kubernetes'))).toBeUndefined()
  expect(onlyPoolOf(flagsOf('--pool-name a --pool-namespace ai'))).toEqual({ namespace: 'ai', name: 'a' })
  const flags = flagsOf('--endpoint-selector app=x --endpoint-target-ports 8000 --pool-namespace ai')
  const source = sourceOf(flags)
  const [pool] = source.kind === 'kubernetes' ? source.standing : []
  expect(pool.object).toMatchObject({ metadata: onlyPoolOf(flags) })
})
