import { describe, expect, test } from 'vitest'
import { ambiguous, parameterOf, readParameters } from '../../../src/request/bodies/parameters.ts'

describe('a header with parameters', () => {
  test.each([
    ['form-data', 'form-data', [], []],
    [' Form-Data ; Name=a', 'form-data', ['name'], ['a']],
    ['form-data; name="a; b=c"; filename="x"', 'form-data', ['name', 'filename'], ['a; b=c', 'x']],
    ['form-data;; name="a\\"\\\\b" ;', 'form-data', ['name'], ['a"\\b']],
    ['form-data; name=; x=""', 'form-data', ['name', 'x'], ['', '']],
    ["form-data; name*=utf-8''a; name*0=b", 'form-data', ['name*', 'name*'], ["utf-8''a", 'b']],
  ])('%s', (header, type, names, values) => {
    expect(readParameters(header)).toEqual({ type, names, values })
  })

  test.each([
    '',
    ';',
    '; name=a',
    'form-data; name="a',
    'form-data; name=a"b"',
    'form-data; name',
    'form-data, name=a',
  ])('is not "%s"', (header) => {
    expect(readParameters(header)).toBeUndefined()
  })
})

test.each([
  ['x; a=1; name=b', 'b'],
  ['x; a=1', undefined],
  ['x; name=b; name=b', ambiguous],
  ['x; name=b; NAME=c', ambiguous],
  ["x; name*=utf-8''b", ambiguous],
  ['x; name=b; name*1=c', ambiguous],
  ['x; names=c; names=d; name=b', 'b'],
])('name of %s', (header, value) => {
  expect(parameterOf(readParameters(header)!, 'name')).toBe(value)
})
