import { describe, expect, it } from 'vitest'
import { BodyScanner } from '../../src/request/scan.ts'
import { atEverySplit, byteByByte, wholly } from '../fuzz/pieces.ts'

function scanned(pieces: readonly Buffer[]): BodyScanner {
  const scanner = new BodyScanner()
  for (const piece of pieces) scanner.push(piece)
  scanner.end()
  return scanner
}

/** What `read` finds, which must be the same however the body is cut. */
function atAnySplit<Found>(body: string, read: (scanner: BodyScanner) => Found): Found {
  const bytes = Buffer.from(body)
  const found = read(scanned(wholly(bytes)))
  expect(read(scanned(byteByByte(bytes)))).toEqual(found)
  for (const pieces of atEverySplit(bytes)) expect(read(scanned(pieces))).toEqual(found)
  return found
}

describe('what stands before the prompt', () => {
  const heads = (body: string): string[] =>
    atAnySplit(body, ({ headSpans }) => {
      const values: string[] = []
      for (let i = 0; i < headSpans.length; i += 2) {
        values.push(
          Buffer.from(body)
            .subarray(headSpans[i], headSpans[i + 1])
            .toString(),
        )
      }
      return values
    })

  it.each([
    ['tools', '{"model":"m","tools":[{"a":1}] ,"messages":[]}', ['[{"a":1}]']],
    ['the system prompt of Messages', '{"system":"be kind","model":"m","messages":[]}', ['"be kind"']],
    [
      'instructions of Responses, after tools',
      '{"tools":[],"instructions":"be brief","input":"x"}',
      ['[]', '"be brief"'],
    ],
    ['all of one name', '{"system":"a","system":{"b":"system"},"prompt":"x"}', ['"a"', '{"b":"system"}']],
    ['values of any type', '{"system":null,"tools":12,"instructions":true,"prompt":1}', ['null', '12', 'true']],
    ['nothing of lower levels', '{"metadata":{"tools":[1],"system":"no"},"messages":[]}', []],
    ['nothing that follows the prompt', '{"messages":[{"system":1}],"tools":[1],"system":"late"}', []],
  ])('is %s', (_, body, expected) => {
    expect(heads(body)).toEqual(expected)
  })

  it('is odd while the last one is open', () => {
    const scanner = new BodyScanner()
    scanner.push(Buffer.from('{"tools":[1,'))
    expect(scanner.headSpans).toEqual([9])
    scanner.push(Buffer.from('2],"messages":['))
    expect(scanner.headSpans).toEqual([9, 14])
  })
})

describe('the cache salt', () => {
  it.each([
    ['a string', '{"cache_salt":"tenant \\u0031","prompt":"x"}', 'tenant 1'],
    ['after the prompt', '{"prompt":"x","cache_salt":"t"}', 't'],
    ['the last one', '{"cache_salt":"a","cache_salt":"b"}', 'b'],
    ['none of another type', '{"cache_salt":"a","cache_salt":{"x":"y"}}', undefined],
    ['none below the top', '{"extra":{"cache_salt":"a"}}', undefined],
  ])('is %s', (_, body, salt) => {
    expect(atAnySplit(body, (scanner) => scanner.cacheSalt)).toBe(salt)
  })
})

it.each(['messages', 'prompt', 'input', 'items', 'input_ids', 'token_ids'])('a prompt may be called %s', (key) => {
  const body = `{"model":"m","${key}":[1,[2]],"n":1}`
  const [start, end] = atAnySplit(body, ({ promptStart, promptEnd }) => [promptStart, promptEnd])
  expect(body.slice(start, end)).toBe('[1,[2]]')
})
