import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ModelSplicer } from '../../src/request/rewrite.ts'
import { BodyScanner } from '../../src/request/scan.ts'

const literal = Buffer.from('"new"')

/** The body in these pieces, spliced as each is read. */
function rewrite(pieces: readonly string[], keepsFirst = false): string[] {
  const scanner = new BodyScanner()
  const splicer = new ModelSplicer(scanner, literal, keepsFirst)
  let offset = 0
  return pieces.map((text) => {
    const piece = Buffer.from(text)
    scanner.push(piece)
    const out: Buffer[] = []
    splicer.splice(piece, offset, out)
    offset += piece.length
    return Buffer.concat(out).toString()
  })
}

describe('models set while the body passes', () => {
  test('a value in one piece', () => {
    expect(rewrite(['{"model":"old","a":1}'])).toEqual(['{"model":"new","a":1}'])
  })
  test('a value over pieces goes out with the first of them', () => {
    expect(rewrite(['{"model":"o', 'l', 'd","a":1}'])).toEqual(['{"model":"new"', '', ',"a":1}'])
  })
  test('a value that ends with its piece', () => {
    expect(rewrite(['{"model":"old"', ',"a":1', '}'])).toEqual(['{"model":"new"', ',"a":1', '}'])
  })
  test('several values, in one piece and over its end', () => {
    expect(rewrite(['{"model":"old","model":[1,{"x":2}],"model":tr', 'ue}'])).toEqual([
      '{"model":"new","model":"new","model":"new"',
      '}',
    ])
  })
  test('the first stays when it is right', () => {
    expect(rewrite(['{"model":"old","model":7}'], true)).toEqual(['{"model":"old","model":"new"}'])
  })
  test('a number ends where its delimiter begins', () => {
    expect(rewrite(['{"model":"old","model":12', '34', ' }'])).toEqual(['{"model":"new","model":"new"', '', ' }'])
  })
  test('behind a value that is no JSON everything passes', () => {
    expect(rewrite(['{"model":"old","model":[1', ' x],"a":1}', 'rest'])).toEqual([
      '{"model":"new","model":"new"',
      'x],"a":1}',
      'rest',
    ])
  })
  test('pieces without a value pass by reference', () => {
    const scanner = new BodyScanner()
    const splicer = new ModelSplicer(scanner, literal, false)
    const piece = Buffer.from('{"a":1,')
    scanner.push(piece)
    const out: Buffer[] = []
    splicer.splice(piece, 0, out)
    expect(out).toEqual([piece])
    expect(out[0]).toBe(piece)
  })
})

describe('what the splicer knows', () => {
  function splicerAfter(text: string, keepsFirst = false): ModelSplicer {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from(text))
    return new ModelSplicer(scanner, literal, keepsFirst)
  }

  test.each([
    ['{"model":"old"}', false, 0],
    ['{"model":"older"}', false, -2],
    ['{"model":"x","model":1}', false, 2 + 4],
    ['{"model":"x","model":1}', true, 4],
    // One that goes on does not count yet.
    ['{"model":"older","model":[1,2', false, -2],
    // One that stops to be JSON counts up to there.
    ['{"model":"older","model":[1,x', false, -2 + 2],
    ['{"a":1', false, 0],
  ])('%s, first kept %s: longer by %i', (text, keepsFirst, change) => {
    expect(splicerAfter(text, keepsFirst).lengthChange()).toBe(change)
  })

  test('the change of length stays when the change is made', () => {
    const scanner = new BodyScanner()
    const piece = Buffer.from('{"model":"older"}')
    scanner.push(piece)
    const splicer = new ModelSplicer(scanner, literal, false)
    splicer.splice(piece, 0, [])
    expect(splicer.lengthChange()).toBe(-2)
    expect(splicer.changesBefore(1000)).toBe(false)
  })

  test('what lies before an offset', () => {
    const splicer = splicerAfter('{"model":"old"}')
    expect(splicer.changesBefore(9)).toBe(false)
    expect(splicer.changesBefore(10)).toBe(true)
  })
})

test('any cutting gives the same bytes', () => {
  const body = '{"a":[{"model":1}],"model":"ol\\u0064","b":"x\\"model\\":","model" : null,"model":-1e5 ,"c":{}}'
  const wanted = '{"a":[{"model":1}],"model":"new","b":"x\\"model\\":","model" : "new","model":"new" ,"c":{}}'
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: body.length - 1 })), (cuts) => {
      const sorted = cuts.sort((a, b) => a - b)
      expect(rewrite([0, ...sorted].map((from, i) => body.slice(from, sorted[i]))).join('')).toBe(wanted)
    }),
    { numRuns: 500 },
  )
})
