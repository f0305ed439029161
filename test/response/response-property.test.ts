import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mutate } from '../fuzz/mutate.ts'
import { byteByByte, cutAt, randomPieces, wholly } from '../fuzz/pieces.ts'
import { fuzzRuns, fuzzTimeoutMs, seededRandom } from '../fuzz/random.ts'
import { document, usageOfAll, write } from './oracle.ts'
import { asked, eventStream, json, readPieces, restore, served } from './reading.ts'

const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const alphabet = Buffer.from('"\\{}[]:,-+.0129eEtrufalsn \n\r\x00data: model usage[DONE]')

describe('every JSON body', () => {
  test('is read as it was written, and sent with its model restored', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(document, fc.nat(), (document, seed) => {
        const random = seededRandom(seed)
        const { given, sent } = write(document, random, [' ', '\n', '\r\n', '\t'])
        const bytes = Buffer.from(given)
        for (const pieces of [wholly(bytes), randomPieces(bytes, random), byteByByte(bytes)]) {
          const { body, found } = readPieces(pieces, { ...json, restore })
          expect(body).toBe(latin1(sent))
          expect(found.usage).toEqual(usageOfAll([document]))
          expect(found.lengthChange).toBe(Buffer.byteLength(sent) - bytes.length)
          expect(found.finished).toBe(true)
        }
      }),
      { numRuns: fuzzRuns },
    )
  })
})

describe('every stream of events', () => {
  test('is read as it was written, and sent with its models restored', { timeout: fuzzTimeoutMs }, () => {
    // The same one several times, as the events of most streams begin alike.
    const events = fc
      .array(fc.tuple(document, fc.integer({ min: 1, max: 3 })), { maxLength: 4 })
      .map((documents) => documents.flatMap(([document, times]) => new Array<typeof document>(times).fill(document)))
    fc.assert(
      fc.property(events, fc.nat(), (documents, seed) => {
        const random = seededRandom(seed)
        const lineEnd = random.pick(['\n', '\r\n', '\r'])
        const noise = ['', ': "model"', 'event: message', 'data', 'database: {"usage":1}', 'id: 7', 'retry:1'].slice(
          random.below(7),
        )
        let given = ''
        let sent = ''
        const put = (text: string, restored = text) => {
          given += text
          sent += restored
        }
        for (const document of documents) {
          while (noise.length > 0 && random.chance(0.3)) put(random.pick(noise) + lineEnd)
          put(random.pick(['data:', 'data: ']))
          // A line break within a document means that it goes on in the next line of data.
          const written = write(document, random, random.chance(0.3) ? [' ', '\t', `${lineEnd}data: `] : [' ', '\t'])
          put(written.given, written.sent)
          put(lineEnd + lineEnd)
        }
        const isFinished = random.chance(0.5)
        if (isFinished) put(`data: [DONE]${random.pick([lineEnd, ''])}`)
        const bytes = Buffer.from(given)
        for (const pieces of [wholly(bytes), randomPieces(bytes, random), byteByByte(bytes)]) {
          const { body, found } = readPieces(pieces, { ...eventStream, restore })
          expect(body).toBe(latin1(sent))
          expect(found.usage).toEqual(usageOfAll(documents))
          if (isFinished) expect(found.finished).toBe(true)
        }
      }),
      { numRuns: fuzzRuns },
    )
  })
})

describe('a damaged body', () => {
  const damaged = fc
    .tuple(fc.array(document, { maxLength: 3 }), fc.nat(), fc.boolean())
    .map(([documents, seed, isJson]) => {
      const random = seededRandom(seed)
      const text = documents
        .map((document) => write(document, random, [' ', '\n']).given)
        .map((text) => (isJson ? text : `data: ${text}\n\n`))
        .join('')
      return { bytes: mutate(Buffer.from(text), random, alphabet), random, options: isJson ? json : eventStream }
    })

  test('passes through byte for byte where nothing is restored', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(damaged, ({ bytes, random, options }) => {
        for (const pieces of [wholly(bytes), randomPieces(bytes, random), byteByByte(bytes)]) {
          expect(readPieces(pieces, options).body).toBe(bytes.toString('latin1'))
        }
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('differs by restored names and by nothing else, and is read the same in any pieces', {
    timeout: fuzzTimeoutMs,
  }, () => {
    fc.assert(
      fc.property(damaged, ({ bytes, random, options }) => {
        const whole = readPieces(wholly(bytes), { ...options, restore })
        const pieces = [randomPieces(bytes, random), byteByByte(bytes), cutAt(bytes, [random.below(bytes.length + 1)])]
        for (const piece of pieces) {
          const { body, found } = readPieces(piece, { ...options, restore })
          expect(body).toBe(whole.body)
          expect(found).toEqual(whole.found)
        }
        expect(whole.found.lengthChange).toBe(whole.body.length - bytes.length)
        // Put back, what is left of the given names was in the body before.
        const back = whole.body.replaceAll(JSON.stringify(asked), JSON.stringify(served))
        expect(withoutEscapes(back)).toBe(withoutEscapes(bytes.toString('latin1')))
      }),
      { numRuns: fuzzRuns },
    )
  })

  test('is judged as JSON.parse judges it: no usage of what is not valid', { timeout: fuzzTimeoutMs }, () => {
    fc.assert(
      fc.property(document, fc.nat(), (document, seed) => {
        const random = seededRandom(seed)
        const bytes = mutate(Buffer.from(write(document, random, [' ', '\n']).given), random, alphabet)
        const { found } = readPieces(randomPieces(bytes, random), { ...json, restore })
        // Strings are not judged but for where they end.
        const text = bytes.toString('latin1').replaceAll(/"(?:[^"\\]|\\.)*"/gs, '""')
        expect(found.finished).toBe(isJson(text))
        if (!found.finished) expect(found.usage).toBeUndefined()
      }),
      { numRuns: fuzzRuns },
    )
  })
})

/** Names that are written with escapes are restored, too, and come back without. */
const withoutEscapes = (text: string): string =>
  text.replaceAll(/\\u00([2-7][0-9a-f])/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
