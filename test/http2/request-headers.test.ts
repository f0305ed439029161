import { describe, expect, test } from 'vitest'
import { headerOf, problemOfRequest, problemOfTrailers } from '../../src/http2/request-headers.ts'

const request = [':method', 'POST', ':scheme', 'http', ':path', '/']

describe('a request', () => {
  test.each([
    ['the least there may be', request],
    ['pseudo-headers in any order', [':path', '/', ':method', 'POST', ':authority', 'x', ':scheme', 'http']],
    ['an empty authority', [...request, ':authority', '']],
    ['headers of any kind', [...request, 'te', 'trailers', 'x_y.z!', 'any', 'empty', '']],
    ['the same header twice', [...request, 'a', '1', 'a', '2']],
  ])('%s', (_name, headers) => {
    expect(problemOfRequest(headers)).toBeUndefined()
  })

  test.each([
    ['nothing', [], 'a request needs :method, :scheme and :path'],
    ['no method', request.slice(2), 'a request needs'],
    ['no scheme', [...request.slice(0, 2), ...request.slice(4)], 'a request needs'],
    ['no path', request.slice(0, 4), 'a request needs'],
    ['an empty path', [...request.slice(0, 4), ':path', ''], 'an empty :path'],
    ['an empty method', [':method', ''], 'an empty :method'],
    ['two paths', [...request, ':path', '/'], 'two :path'],
    ['two authorities', [...request, ':authority', 'a', ':authority', 'a'], 'two :authority'],
    ['a pseudo-header of answers', [...request, ':status', '200'], 'there is no pseudo-header :status'],
    ['a pseudo-header without a name', [...request, ':', 'x'], 'there is no pseudo-header :'],
    ['a pseudo-header after others', [...request, 'a', 'b', ':authority', 'x'], ':authority after other headers'],
    ['a capital letter', [...request, 'Name', 'x'], '"Name" is no name of a header'],
    ['no name', [...request, '', 'x'], '"" is no name'],
    ['a space in a name', [...request, 'a b', 'x'], 'is no name'],
    ['a line break in a name', [...request, 'a\n', 'x'], 'is no name'],
    ['a colon in a name', [...request, 'a:b', 'x'], 'is no name'],
    ['a name beyond ASCII', [...request, '\xe4', 'x'], 'is no name'],
    ['connection', [...request, 'connection', 'x'], 'connection belongs to HTTP/1'],
    ['keep-alive', [...request, 'keep-alive', 'x'], 'keep-alive belongs to HTTP/1'],
    ['proxy-connection', [...request, 'proxy-connection', 'x'], 'proxy-connection belongs to HTTP/1'],
    ['transfer-encoding', [...request, 'transfer-encoding', 'chunked'], 'transfer-encoding belongs to HTTP/1'],
    ['upgrade', [...request, 'upgrade', 'x'], 'upgrade belongs to HTTP/1'],
    ['te with more than trailers', [...request, 'te', 'trailers, deflate'], 'te says more than trailers'],
  ])('%s is malformed', (_name, headers, problem) => {
    expect(problemOfRequest(headers)).toContain(problem)
  })
})

test('trailers have no pseudo-headers, and else the same rules', () => {
  expect(problemOfTrailers([])).toBeUndefined()
  expect(problemOfTrailers(['grpc-status', '0', 'x', ''])).toBeUndefined()
  expect(problemOfTrailers(['a', 'b', ':path', '/'])).toBe(':path in trailers')
  expect(problemOfTrailers(['Upper', 'x'])).toContain('is no name')
  expect(problemOfTrailers(['connection', 'x'])).toContain('belongs to HTTP/1')
})

test('of several headers of one name the last one counts, values are no names', () => {
  const headers = ['a', 'b', 'b', 'one', 'b', 'two', 'x', 'a']
  expect(headerOf(headers, 'b')).toBe('two')
  expect(headerOf(headers, 'a')).toBe('b')
  expect(headerOf(headers, 'one')).toBeUndefined()
})
