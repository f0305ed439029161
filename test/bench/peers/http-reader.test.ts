import { expect, test } from 'vitest'
import { HttpReader, type SeenRequest } from '../../../bench/peers/http-reader.ts'

const chunked = 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n'
const requests = [
  'GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST /v1/completions HTTP/1.1\r\nContent-Length: 5\r\n\r\n\r\n\r\n1',
  `POST /chunked HTTP/1.1\r\n${chunked}\r\n`,
  `POST /trailers HTTP/1.1\r\n${chunked}a: b\r\n\r\n`,
  'POST /empty HTTP/1.1\r\ncontent-length: 0\r\n\r\n',
]
const seen = [
  { method: 'GET', path: '/metrics', bodyBytes: 0 },
  { method: 'POST', path: '/v1/completions', bodyBytes: 5 },
  { method: 'POST', path: '/chunked', bodyBytes: 13 },
  { method: 'POST', path: '/trailers', bodyBytes: 13 },
  { method: 'POST', path: '/empty', bodyBytes: 0 },
]

test('requests on one connection are told with the bytes of their bodies, wherever they are cut', () => {
  const bytes = Buffer.from(requests.join(''))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const found: SeenRequest[] = []
    const reader = new HttpReader((request) => found.push(request))
    reader.push(bytes.subarray(0, cut))
    reader.push(bytes.subarray(cut))
    expect(found, `cut at ${cut}`).toEqual(seen)
  }
})

test('a request is told when its last byte has come, and not before', () => {
  for (const request of requests) {
    const found: SeenRequest[] = []
    const reader = new HttpReader((each) => found.push(each))
    reader.push(Buffer.from(request.slice(0, -1)))
    expect(found).toEqual([])
    reader.push(Buffer.from(request.slice(-1)))
    expect(found).toHaveLength(1)
  }
})
