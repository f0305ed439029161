import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { formatProblem } from '../../src/catalog/problem.ts'
import { FileSource, type FileSourceOptions } from '../../src/sources/file-source.ts'
import { type ProblemChange, type Snapshot, SourceError } from '../../src/sources/source.ts'
import { documents, modelText, poolText } from './manifest-text.ts'
import { makeTempDirectory } from './temp-directory.ts'

/** A source that is closed when the test is over, and what it has told. It goes by events alone unless told otherwise. */
function openSource(options: FileSourceOptions) {
  const snapshots: Snapshot[] = []
  const changes: ProblemChange[] = []
  const source = new FileSource(
    { rereadMs: 3_600_000, settleMs: 0, ...options },
    {
      onSnapshot: (snapshot) => snapshots.push(snapshot),
      onProblems: (change) => changes.push(change),
    },
  )
  onTestFinished(() => source.close())
  return { source, snapshots, changes }
}

const namesOf = (snapshot: Snapshot | undefined) => [...(snapshot?.catalog.models.keys() ?? [])]
const portOf = (snapshot: Snapshot | undefined) => snapshot?.catalog.pools.get('default/pool')?.targetPorts[0]
const textOf = (change: ProblemChange | undefined) => ({
  appeared: change?.appeared.map(formatProblem),
  resolved: change?.resolved.map(formatProblem),
  current: change?.current.map(formatProblem),
})
/** Long, as other tests may keep the machine busy; it ends as soon as the expectation holds. */
const eventually = (expectation: () => void) => vi.waitFor(expectation, { timeout: 5_000, interval: 10 })

const oneModel = documents(poolText('pool'), modelText('one'))
const twoModels = documents(oneModel, modelText('two'))

describe('the first reading', () => {
  test('gives all paths in order, and the endpoints', async () => {
    const directory = await makeTempDirectory()
    await writeFile(join(directory, 'b.yaml'), modelText('two'))
    await writeFile(join(directory, 'a.yaml'), oneModel)
    const file = join(directory, 'three.txt')
    await writeFile(file, modelText('three'))
    const endpointsFile = join(directory, 'endpoints')
    await writeFile(endpointsFile, 'endpoints: [{name: a, address: 127.0.0.1, port: 8000, labels: {app: pool}}]')

    const { source, snapshots, changes } = openSource({ paths: [file, directory], endpointsFile })
    const { catalog, endpoints } = await source.initial()
    expect([...catalog.models.keys()]).toEqual(['three', 'one', 'two'])
    expect(endpoints).toEqual([
      { name: 'a', namespace: 'default', address: '127.0.0.1', port: 8000, labels: { app: 'pool' } },
    ])
    expect(snapshots).toEqual([])
    expect(changes).toEqual([])
  })

  test('of an empty directory gives an empty snapshot', async () => {
    const { source } = openSource({ paths: [await makeTempDirectory()] })
    const { catalog, endpoints } = await source.initial()
    expect(catalog.pools.size).toBe(0)
    expect(endpoints).toEqual([])
  })

  test('reports what is invalid and gives the rest', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, documents(oneModel, modelText('two', ', criticality: no')))
    const { source, changes } = openSource({ paths: [file] })
    expect(namesOf(await source.initial())).toEqual(['one'])
    const problem = `${file}:14:47 spec.criticality: found false, allowed: "Critical", "Standard", "Sheddable"`
    expect(changes.map(textOf)).toEqual([{ appeared: [problem], resolved: [], current: [problem] }])
  })

  test('is told of the pool and the namespace it is for', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, documents(oneModel, poolText('other')))
    const onlyPool = { namespace: 'prod', name: 'pool' }
    const { source } = openSource({ paths: [file], defaultNamespace: 'prod', onlyPool })
    const { catalog } = await source.initial()
    expect([...catalog.pools.keys()]).toEqual(['prod/pool'])
  })

  test('fails on a path that is missing and on an endpoints file that makes no sense', async () => {
    const directory = await makeTempDirectory()
    const endpointsFile = join(directory, 'endpoints.yaml')
    await writeFile(endpointsFile, 'endpoint: []')
    const { source } = openSource({ paths: ['/nowhere/a', directory, '/nowhere/b'], endpointsFile })
    const error = await source.start().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(SourceError)
    expect((error as SourceError).message.split('\n')).toEqual([
      '/nowhere/a: no such file or directory',
      '/nowhere/b: no such file or directory',
      `${endpointsFile}:1:1 endpoints: missing, allowed: a list`,
    ])
  })

  test('fails on an endpoints file that is missing', async () => {
    const { source } = openSource({ paths: [], endpointsFile: '/nowhere/endpoints.yaml' })
    await expect(source.initial()).rejects.toThrow('/nowhere/endpoints.yaml: no such file or directory')
  })
})

describe('a change on disk gives a new snapshot', () => {
  test('when a file is written, added or deleted', async () => {
    const directory = await makeTempDirectory()
    await writeFile(join(directory, 'a.yaml'), oneModel)
    const { source, snapshots } = openSource({ paths: [directory] })
    await source.start()

    await writeFile(join(directory, 'a.yaml'), twoModels)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    await writeFile(join(directory, 'b.yaml'), modelText('three'))
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two', 'three']))
    await unlink(join(directory, 'b.yaml'))
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    expect(snapshots).toHaveLength(3)
  })

  test('when an editor replaces a file by another, again and again', async () => {
    const directory = await makeTempDirectory()
    const file = join(directory, 'a.yaml')
    await writeFile(file, oneModel)
    const { source, snapshots } = openSource({ paths: [file] })
    await source.start()
    for (const name of ['two', 'three', 'four']) {
      await writeFile(join(directory, '.a.yaml.swp'), documents(oneModel, modelText(name)))
      await rename(join(directory, '.a.yaml.swp'), file)
      await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', name]))
    }
  })

  test('when an editor moves the file away first', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, oneModel)
    const { source, snapshots, changes } = openSource({ paths: [file], quietMs: 500 })
    await source.start()
    await rename(file, `${file}~`)
    await writeFile(file, twoModels)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    expect(snapshots).toHaveLength(1)
    expect(changes).toEqual([])
  })

  test.each([
    ['the directory', (directory: string) => directory],
    ['a file of it', (directory: string) => join(directory, 'a.yaml')],
  ])('when a mounted ConfigMap is updated, given %s', async (_, pathIn) => {
    const directory = await makeTempDirectory()
    /** As the kubelet does it: all files at once, by one rename of the link ..data. */
    const update = async (version: number, text: string) => {
      await mkdir(join(directory, `..${version}`))
      await writeFile(join(directory, `..${version}`, 'a.yaml'), text)
      await symlink(`..${version}`, join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
      await rm(join(directory, `..${version - 1}`), { recursive: true, force: true })
    }
    await update(1, oneModel)
    await symlink('..data/a.yaml', join(directory, 'a.yaml'))
    const { source, snapshots, changes } = openSource({ paths: [pathIn(directory)] })
    await source.start()
    for (const version of [2, 3, 4]) {
      await update(version, documents(oneModel, modelText(`v${version}`)))
      await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', `v${version}`]))
    }
    expect(snapshots).toHaveLength(3)
    expect(changes).toEqual([])
  })

  test('when a file is written in place by somebody who pauses', async () => {
    const directory = await makeTempDirectory()
    const [file, endpointsFile] = ['a.yaml', 'endpoints'].map((name) => join(directory, name))
    const endpoints = 'endpoints:\n- {name: a, address: 127.0.0.1}\n- {name: b, address: 127.0.0.2}\n'
    await writeFile(file, twoModels)
    await writeFile(endpointsFile, endpoints)
    const options = { paths: [file], endpointsFile, quietMs: 1, rereadMs: 5, settleMs: 3_600_000 }
    const { source, snapshots, changes } = openSource(options)
    await source.start()
    // Cut between two documents or entries, both are valid and say less.
    for (const [path, text, cut] of [
      [file, twoModels, 0],
      [file, twoModels, oneModel.length],
      [endpointsFile, endpoints, endpoints.indexOf('- {name: b')],
    ] as const) {
      await writeFile(path, text.slice(0, cut))
      await new Promise((resolve) => setTimeout(resolve, 50))
      await writeFile(path, text)
    }
    await writeFile(file, documents(twoModels, modelText('three')))
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two', 'three']))
    expect(snapshots).toHaveLength(1)
    expect(snapshots[0].endpoints).toHaveLength(2)
    expect(changes).toEqual([])
  })

  test('when a file is written bit by bit', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, oneModel)
    const { source, snapshots, changes } = openSource({ paths: [file], quietMs: 250 })
    await source.start()
    // Takes longer than what counts as quiet, with pauses that are much shorter.
    for (let length = 0; length <= twoModels.length; length += 10) {
      await writeFile(file, twoModels.slice(0, length))
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await writeFile(file, twoModels)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    expect(snapshots).toHaveLength(1)
    expect(changes).toEqual([])
  })

  test('when what a link leads to changes', async () => {
    const [linked, directory] = [await makeTempDirectory(), await makeTempDirectory()]
    await writeFile(join(linked, 'a.yaml'), oneModel)
    await symlink(join(linked, 'a.yaml'), join(directory, 'a.yaml'))
    const { source, snapshots } = openSource({ paths: [directory] })
    await source.start()
    await writeFile(join(linked, 'a.yaml'), twoModels)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
  })

  test('when a link above the path changes, of which no event tells', async () => {
    const directory = await makeTempDirectory()
    for (const [version, text] of [
      ['v1', oneModel],
      ['v2', twoModels],
    ]) {
      await mkdir(join(directory, version, 'manifests'), { recursive: true })
      await writeFile(join(directory, version, 'manifests', 'a.yaml'), text)
    }
    await symlink('v1', join(directory, 'current'))
    const { source, snapshots } = openSource({ paths: [join(directory, 'current', 'manifests')], rereadMs: 50 })
    await source.start()
    await symlink('v2', join(directory, 'next'))
    await rename(join(directory, 'next'), join(directory, 'current'))
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
  })

  test('when the endpoints file changes, with the same catalog', async () => {
    const directory = await makeTempDirectory()
    await writeFile(join(directory, 'a.yaml'), oneModel)
    const endpointsFile = join(directory, 'endpoints')
    await writeFile(endpointsFile, 'endpoints: []')
    const { source, snapshots } = openSource({ paths: [join(directory, 'a.yaml')], endpointsFile })
    const { catalog } = await source.start()
    await writeFile(endpointsFile, 'endpoints: [{name: a, address: 127.0.0.1}]')
    await eventually(() => expect(snapshots.at(-1)?.endpoints).toHaveLength(1))
    expect(snapshots.at(-1)?.catalog).toBe(catalog)
  })
})

describe('a change on disk gives no snapshot', () => {
  test('when it changes nothing but problems', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, oneModel)
    const { source, snapshots, changes } = openSource({ paths: [file] })
    await source.start()
    await writeFile(file, documents(poolText('pool'), modelText('one', ', criticalty: Critical')))
    await eventually(() => expect(changes).toHaveLength(1))
    const warning = `${file}:9:47 spec.criticalty: warning: unknown field, did you mean criticality?`
    expect(textOf(changes[0])).toEqual({ appeared: [warning], resolved: [], current: [warning] })
    await writeFile(file, `# a remark\n${oneModel}`)
    await eventually(() => expect(changes).toHaveLength(2))
    expect(textOf(changes[1])).toEqual({ appeared: [], resolved: [warning], current: [] })
    expect(snapshots).toEqual([])
  })
})

describe('an invalid change keeps the last good one and says so', () => {
  test('resource by resource', async () => {
    const file = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(file, documents(poolText('pool', 1), modelText('one')))
    const { source, snapshots, changes } = openSource({ paths: [file] })
    await source.start()

    await writeFile(file, documents(poolText('pool', 'http'), modelText('one'), modelText('two')))
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    expect(portOf(snapshots.at(-1))).toBe(1)
    await eventually(() => expect(changes).toHaveLength(1))
    expect(textOf(changes[0]).appeared).toEqual([
      `${file}:4:31 spec.targetPortNumber: found "http", allowed: an integer; the last valid version stays in use`,
    ])

    await writeFile(file, documents(poolText('pool', 2), modelText('one')))
    await eventually(() => expect(portOf(snapshots.at(-1))).toBe(2))
    expect(namesOf(snapshots.at(-1))).toEqual(['one'])
    await eventually(() => expect(changes.at(-1)?.current).toEqual([]))
  })

  test('for a file that is broken, and for what was in it', async () => {
    const directory = await makeTempDirectory()
    await writeFile(join(directory, 'a.yaml'), twoModels)
    await writeFile(join(directory, 'b.yaml'), modelText('three'))
    const { source, snapshots, changes } = openSource({ paths: [directory] })
    await source.start()

    await writeFile(join(directory, 'a.yaml'), documents(poolText('pool', 9), 'kind: [\n'))
    await writeFile(join(directory, 'b.yaml'), modelText('four'))
    await eventually(() => expect(portOf(snapshots.at(-1))).toBe(9))
    expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two', 'four'])
    await eventually(() =>
      expect(textOf(changes.at(-1)).current).toEqual([
        `${directory}/a.yaml: warning: not understood as a whole; what it no longer shows stays in use: InferenceModel default/one, InferenceModel default/two`,
        `${directory}/a.yaml:7:1: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]`,
      ]),
    )

    await writeFile(join(directory, 'a.yaml'), oneModel)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'four']))
  })

  test('for a directory that is gone', async () => {
    const directory = await makeTempDirectory()
    const manifests = join(directory, 'manifests')
    await mkdir(manifests)
    await writeFile(join(manifests, 'a.yaml'), oneModel)
    const { source, snapshots, changes } = openSource({ paths: [manifests], rereadMs: 200 })
    await source.start()
    await rename(manifests, `${manifests}-away`)
    await eventually(() => expect(changes).toHaveLength(1))
    expect(textOf(changes[0]).current).toEqual([`${manifests}: no such file or directory; what it held stays in use`])
    expect(snapshots).toEqual([])
    await mkdir(manifests)
    await writeFile(join(manifests, 'a.yaml'), twoModels)
    await eventually(() => expect(namesOf(snapshots.at(-1))).toEqual(['one', 'two']))
    await eventually(() => expect(changes.at(-1)?.current).toEqual([]))
  })

  test('for the endpoints', async () => {
    const endpointsFile = join(await makeTempDirectory(), 'endpoints.yaml')
    await writeFile(endpointsFile, 'endpoints:\n- {name: a, address: 127.0.0.1}\n- {name: b, address: 127.0.0.2}\n')
    const { source, snapshots, changes } = openSource({ paths: [], endpointsFile })
    await source.start()

    await writeFile(endpointsFile, 'endpoints:\n- {name: a, address: 127.0.0.x}\n- {name: b, address: 127.0.0.3}\n')
    const addresses = (snapshot: Snapshot | undefined) => snapshot?.endpoints.map(({ address }) => address)
    await eventually(() => expect(addresses(snapshots.at(-1))).toEqual(['127.0.0.1', '127.0.0.3']))

    await writeFile(endpointsFile, 'endpoints: nothing')
    await eventually(() =>
      expect(textOf(changes.at(-1)).current).toEqual([
        `${endpointsFile}:1:1 endpoints: found "nothing", allowed: a list; the last valid version stays in use`,
      ]),
    )
    expect(snapshots).toHaveLength(1)
  })
})
