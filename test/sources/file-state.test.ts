import { describe, expect, test } from 'vitest'
import { compileCatalog } from '../../src/catalog/compile.ts'
import { formatProblem } from '../../src/catalog/problem.ts'
import { gather, nextEndpointsState, nextPathStates, type PathState } from '../../src/sources/file-state.ts'
import { PathError, type ReadFile, type ReadPath } from '../../src/sources/paths.ts'
import { documents, modelText, poolText } from './manifest-text.ts'

/** What a directory `d` holds: the text of each file, or an error in place of it. */
type Directory = Readonly<Record<string, string | Error>>

function directory(files: Directory): ReadPath {
  const read = ([name, content]: [string, string | Error]): ReadFile =>
    typeof content === 'string' ? { path: `d/${name}`, text: content } : { path: `d/${name}`, failure: content.message }
  return { isDirectory: true, files: Object.entries(files).map(read) }
}

function failure(path: string, code: string): PathError {
  return new PathError(path, Object.assign(new Error(code), { code }))
}

/** Reads a directory in each of the states that follow one another, and tells of the last. */
function follow(...states: readonly (Directory | PathError)[]) {
  let paths: ReadonlyMap<string, PathState> = new Map()
  for (const state of states) {
    const read = new Map([['d', state instanceof PathError ? state : directory(state)]])
    paths = nextPathStates(read, paths, 'default')
  }
  const { resources, problems } = gather(paths, 'default')
  return {
    names: resources.map(({ object }) => (object.metadata as { name: string }).name),
    problems: problems.map(formatProblem),
  }
}

const one = modelText('one')
const two = modelText('two')
const broken = 'kind: [\n'
const brokenAt = (place: string) =>
  `${place}: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]`
const heldIn = (file: string, ...names: string[]) =>
  `${file}: warning: not understood as a whole; what it no longer shows stays in use: ${names.map((name) => `InferenceModel default/${name}`).join(', ')}`

describe('what is deleted is gone', () => {
  test('a document', () => {
    expect(follow({ a: documents(one, two) }, { a: two })).toEqual({ names: ['two'], problems: [] })
  })

  test('all documents of a file', () => {
    expect(follow({ a: documents(one, two) }, { a: '' })).toEqual({ names: [], problems: [] })
  })

  test('a file', () => {
    expect(follow({ a: one, b: two }, { b: two })).toEqual({ names: ['two'], problems: [] })
  })

  test('a broken file', () => {
    expect(follow({ a: one, b: two }, { a: broken, b: two }, { b: two })).toEqual({ names: ['two'], problems: [] })
  })

  test('a file that was given itself', () => {
    const file = new Map([['f', { isDirectory: false, files: [{ path: 'f', text: one }] }]])
    const paths = nextPathStates(file, new Map(), 'default')
    const gone = nextPathStates(new Map([['f', failure('f', 'ENOENT')]]), paths, 'default')
    const { resources, problems } = gather(gone, 'default')
    expect(resources).toEqual([])
    expect(problems.map(formatProblem)).toEqual(['f: warning: no such file or directory; its resources are deleted'])
  })
})

describe('what may be in a part that is not understood stays', () => {
  test('beside the rest, which is new', () => {
    const { names, problems } = follow({ a: documents(one, two) }, { a: documents(broken, modelText('three')) })
    expect(names).toEqual(['three', 'one', 'two'])
    expect(problems).toEqual([brokenAt('d/a:2:1'), heldIn('d/a', 'one', 'two')])
  })

  test('as long as it is not understood, and no longer', () => {
    const states = [{ a: documents(one, two) }, { a: documents(broken, two) }, { a: documents(broken, broken) }]
    expect(follow(...states).names).toEqual(['two', 'one'])
    expect(follow(...states, { a: two })).toEqual({ names: ['two'], problems: [] })
  })

  test('of documents that say no kind, or no name', () => {
    const nameless = one.replace('name: one', 'nam: one')
    expect(follow({ a: one }, { a: one.replace('kind:', 'knd:') }).names).toEqual(['one'])
    expect(follow({ a: documents(one, two) }, { a: documents(nameless, two) }).problems).toEqual([heldIn('d/a', 'one')])
  })

  test('of a kind that was misspelt', () => {
    const { names, problems } = follow({ a: one }, { a: one.replace('InferenceModel', 'InferenceModl') })
    expect(names).toEqual(['one', 'one'])
    expect(problems).toEqual([heldIn('d/a', 'one')])
  })

  test('of a file that cannot be read', () => {
    const states = [
      { a: one, b: two },
      { a: new Error('permission denied'), b: two },
    ]
    expect(follow(...states)).toEqual({
      names: ['one', 'two'],
      problems: ['d/a: permission denied', heldIn('d/a', 'one')],
    })
    expect(follow(...states, { a: one, b: two })).toEqual({ names: ['one', 'two'], problems: [] })
  })

  test('of a directory that is gone or cannot be read', () => {
    expect(follow({ a: one }, failure('d', 'ENOENT'))).toEqual({
      names: ['one'],
      problems: ['d: no such file or directory; what it held stays in use'],
    })
    expect(follow({ a: one }, failure('d', 'EACCES')).names).toEqual(['one'])
    expect(follow({ a: one }, failure('d', 'ENOENT'), { b: two })).toEqual({ names: ['two'], problems: [] })
  })

  test('not if another file has it now', () => {
    expect(follow({ a: documents(one, two) }, { a: broken, b: two })).toEqual({
      names: ['one', 'two'],
      problems: [brokenAt('d/a:2:1'), heldIn('d/a', 'one')],
    })
  })

  test('not if it was nothing to us', () => {
    const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\n'
    expect(follow({ a: service }, { a: broken })).toEqual({ names: [], problems: [brokenAt('d/a:2:1')] })
  })
})

test('a resource that turns invalid beside others stays as it was', () => {
  const pathStates = (text: string, previous?: ReadonlyMap<string, PathState>) =>
    nextPathStates(new Map([['d', directory({ a: text })]]), previous ?? new Map(), 'default')
  const first = pathStates(documents(poolText('pool', 1), one))
  const before = compileCatalog(gather(first, 'default').resources)
  const second = pathStates(documents(poolText('pool', 0), one, two), first)
  const after = compileCatalog(gather(second, 'default').resources, { previous: before })
  expect(after.catalog.pools.get('default/pool')?.targetPorts).toEqual([1])
  expect([...after.catalog.models.keys()]).toEqual(['one', 'two'])
  expect(after.problems.map(formatProblem)).toEqual([
    'd/a:4:31 spec.targetPortNumber: found 0, allowed: 1 to 65535; the last valid version stays in use',
  ])
})

test('a file of the same text keeps its resources', () => {
  const read = () => new Map([['d', directory({ a: one })]])
  const first = nextPathStates(read(), new Map(), 'default')
  const second = nextPathStates(read(), first, 'default')
  expect(gather(second, 'default').resources[0]).toBe(gather(first, 'default').resources[0])
})

test('a file that two paths lead to is read once', () => {
  const file = { isDirectory: false, files: [{ path: './d/a', text: one }] }
  const read = new Map([
    ['d', directory({ a: one })],
    ['./d/a', file],
  ])
  expect(gather(nextPathStates(read, new Map(), 'default'), 'default').resources).toHaveLength(1)
})

describe('the endpoints file', () => {
  const good = 'endpoints: [{name: a, address: 10.0.0.1}]'
  const state = nextEndpointsState('e', good, undefined)

  test('gives its endpoints', () => {
    expect([...state.endpoints!.keys()]).toEqual(['default/a'])
    expect(state.problems).toEqual([])
  })

  test('is nothing at all when it never made sense', () => {
    expect(nextEndpointsState('e', '', undefined)).toMatchObject({
      endpoints: undefined,
      problems: [{ place: 'e:1:1' }],
    })
  })

  test.each([
    [
      'does not make sense',
      'endpoints: 1',
      'e:1:1 endpoints: found 1, allowed: a list; the last valid version stays in use',
    ],
    ['is gone', failure('e', 'ENOENT'), 'e: no such file or directory; the last valid version stays in use'],
  ])('stays as it was when it %s', (_, text, problem) => {
    const next = nextEndpointsState('e', text, state)
    expect(next.endpoints).toBe(state.endpoints)
    expect(next.problems.map(formatProblem)).toEqual([problem])
    expect(nextEndpointsState('e', good, next)).toEqual(state)
  })

  test('of the same text keeps its state', () => {
    expect(nextEndpointsState('e', good, state)).toBe(state)
  })
})
