import { describe, expect, test } from 'vitest'
import { decodeHuffman, maxHuffmanExpansion } from '../../../src/http2/hpack/huffman.ts'

function decode(hex: string): Buffer | undefined {
  const source = Buffer.from(hex, 'hex')
  const target = Buffer.alloc(Math.ceil(source.length * maxHuffmanExpansion))
  const size = decodeHuffman(source, 0, source.length, target)
  return size < 0 ? undefined : target.subarray(0, size)
}

/** All bytes in their order, as Go's golang.org/x/net/http2/hpack encodes them. */
const everyByte = [
  'ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebffff',
  'fecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7ff',
  'fffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d',
  '5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe',
  '6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebff',
  'ffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe',
  '8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffff',
  'eaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7ffff',
  'f27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fff',
  'ff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4f',
  'ffff5fffffabffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbfffffb',
  'bfffff7ffffff0fffffbbf',
].join('')

test('every byte has the code that another implementation gives it', () => {
  expect(decode(everyByte)).toEqual(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))
})

describe('strings of RFC 7541, appendix C', () => {
  test.each([
    ['f1e3c2e5f23a6ba0ab90f4ff', 'www.example.com'],
    ['a8eb10649cbf', 'no-cache'],
    ['25a849e95ba97d7f', 'custom-key'],
    ['25a849e95bb8e8b4bf', 'custom-value'],
    ['d07abe941054d444a8200595040b8166e082a62d1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
  ])('%s', (hex, text) => {
    expect(decode(hex)?.toString()).toBe(text)
  })
})

describe('padding', () => {
  test('nothing is a string', () => {
    expect(decode('')).toEqual(Buffer.alloc(0))
  })

  test.each([
    // 'a' is 00011, 'X' is 11111100.
    ['none', 'fc', 'X'],
    ['three ones', '1f', 'a'],
    ['seven ones', '18c631ff', 'aaaaa'],
  ])('%s', (_name, hex, text) => {
    expect(decode(hex)?.toString()).toBe(text)
  })

  test.each([
    ['zeros', '18'],
    ['a zero among ones', '1b'],
    ['a byte of ones', 'ff'],
    ['eight ones after a whole code', 'fcff'],
    ['eleven ones', '1fff'],
    ['30 ones, which end a string and stand in none', 'fffffffc'],
    ['those in the middle', '1fffffffff'],
    ['a code that is cut off', 'fe'],
  ])('%s: refused', (_name, hex) => {
    expect(decode(hex)).toBeUndefined()
  })
})

test('only what it is told to read', () => {
  const source = Buffer.from('ff1fff', 'hex')
  const target = Buffer.alloc(4, 0x21)
  expect(decodeHuffman(source, 1, 2, target)).toBe(1)
  expect(target.toString()).toBe('a!!!')
})

test('no string grows beyond the room that is announced', () => {
  // '0' to '2', 'a', 'c', 'e', 'i', 'o', 's' and 't' have the shortest codes; 'a' is 00011.
  const bits = '00011'.repeat(1600)
  const source = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)))
  const target = Buffer.alloc(Math.ceil(source.length * maxHuffmanExpansion) + 1, 0x21)
  expect(decodeHuffman(source, 0, source.length, target)).toBe(1600)
  expect(target.toString()).toBe(`${'a'.repeat(1600)}!`)
})
