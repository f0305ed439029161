import { describe, expect, test } from 'vitest'
import { parsePeer, wholeNumber } from '../../bench/options.ts'
import { findParts } from '../real/parts.ts'

test('a peer has a name, an address and a pid', () => {
  expect(parsePeer('old build=[::1]:9002,4711')).toEqual({ name: 'old build', address: '[::1]:9002', pid: 4711 })
})

test.each(['x', 'a=127.0.0.1:9002', 'a=127.0.0.1,12', '=127.0.0.1:9002,12', 'a=127.0.0.1:9002,twelve'])(
  '%s is no peer',
  (text) => {
    expect(() => parsePeer(text)).toThrow('name=127.0.0.1:9002,4711')
  },
)

test.each(['', '-1', '1.5', '1e3', 'ten'])('"%s" is no whole number', (text) => {
  expect(() => wholeNumber(text)).toThrow('whole number')
})

describe('findParts', () => {
  test('finds what the environment names', () => {
    const { found, missing } = findParts(['EPLOAD'], { EPLOAD: process.execPath })
    expect(found).toEqual({ EPLOAD: process.execPath })
    expect(missing).toEqual([])
  })

  test('says in one line each what to set', () => {
    const { found, missing } = findParts(['EPLOAD', 'REFERENCE_EPP'], { EPLOAD: '/nowhere/epload', REFERENCE_EPP: '' })
    expect(found).toEqual({})
    expect(missing).toEqual([
      expect.stringMatching(/^EPLOAD: \/nowhere\/epload does not exist; set it to /),
      expect.stringMatching(/^set REFERENCE_EPP to the Go endpoint picker/),
    ])
  })
})
