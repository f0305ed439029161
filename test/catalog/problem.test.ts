import { expect, test } from 'vitest'
import { formatPath, formatProblem, type Problem, sayKept, sortProblems } from '../../src/catalog/problem.ts'

const problem: Problem = { severity: 'error', place: 'a.yaml:7:5', path: 'spec.selector', message: 'found 1' }

test.each([
  [[], ''],
  [['spec'], 'spec'],
  [['spec', 'targetPorts', 0, 'number'], 'spec.targetPorts[0].number'],
  [['metadata', 'annotations', 'signalbox.dev/sticky-by'], 'metadata.annotations["signalbox.dev/sticky-by"]'],
  [['spec', 'selector', ''], 'spec.selector[""]'],
  [['spec', 'selector', 'app-name'], 'spec.selector.app-name'],
])('the path %j', (path, expected) => {
  expect(formatPath(path)).toBe(expected)
})

test('a problem is one line', () => {
  expect(formatProblem(problem)).toBe('a.yaml:7:5 spec.selector: found 1')
  expect(formatProblem({ ...problem, path: '' })).toBe('a.yaml:7:5: found 1')
  expect(formatProblem({ ...problem, severity: 'warning' })).toBe('a.yaml:7:5 spec.selector: warning: found 1')
})

test('only an error puts its resource out of use', () => {
  expect(sayKept(problem).message).toBe('found 1; the last valid version stays in use')
  expect(sayKept({ ...problem, severity: 'warning' }).message).toBe('found 1')
})

test('problems are in order of file, line, column and field', () => {
  const places = ['b.yaml:1:1', 'a.yaml:10:2', 'a.yaml:9:30', 'a.yaml:9:4']
  const problems = [
    ...places.map((place) => ({ ...problem, place })),
    { ...problem, place: 'b.yaml:1:1', path: 'kind' },
  ]
  expect(sortProblems(problems).map(({ place, path }) => `${place} ${path}`)).toEqual([
    'a.yaml:9:4 spec.selector',
    'a.yaml:9:30 spec.selector',
    'a.yaml:10:2 spec.selector',
    'b.yaml:1:1 kind',
    'b.yaml:1:1 spec.selector',
  ])
})
