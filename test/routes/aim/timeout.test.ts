import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { convertTimeout } from '../../../src/routes/aim/timeout.ts'

test.each(['120s', '90m', '24h', '0s', '500ms', '1h2m3s', '1h2m3s4ms', '99999s', '0h', '00001s', '1ms1h', '99999h59m'])(
  '%s is emitted as it is written',
  (written) => {
    expect(convertTimeout(written)).toEqual({ duration: written })
  },
)

test.each([
  ['1.5s', '1s500ms'],
  ['0.1s', '100ms'],
  ['.5s', '500ms'],
  ['1.s', '1s'],
  ['90m30.5s', '90m30s500ms'],
  ['1.5h', '1h30m'],
  ['0.3h', '18m'],
  ['1.1h', '1h6m'],
  ['100000s', '1666m40s'],
  ['100000ms', '100s'],
  ['99999999ms', '99999s999ms'],
  ['100000000ms', '1666m40s'],
  ['6000000s', '1666h40m'],
  ['250000us', '250ms'],
  ['250000µs', '250ms'],
  ['250000μs', '250ms'],
  ['1000000ns', '1ms'],
  ['0.001s', '1ms'],
  ['0.5ms0.5ms', '1ms'],
  ['1h2m3s4ms5ms', '1h2m3s9ms'],
  ['0h100000s', '27h46m40s'],
  ['1s1.5h', '1h30m1s'],
  ['000001s', '1s'],
  ['+5s', '5s'],
  ['0', '0s'],
  ['+0', '0s'],
  ['-0', '0s'],
  ['-0s', '0s'],
  ['0.0h', '0s'],
  ['0ns', '0s'],
  ['99999.0h', '99999h'],
  ['5999940m', '99999h'],
])('%s is emitted as %s', (written, duration) => {
  expect(convertTimeout(written)).toEqual({ duration })
})

test.each([
  ['-5s', 'negative'],
  ['-0.001s', 'negative'],
  ['500us', 'whole number of milliseconds'],
  ['1.0005s', 'whole number of milliseconds'],
  ['1.0000000000000000000000001s', 'whole number of milliseconds'],
  ['1ns', 'whole number of milliseconds'],
  ['0.0001ms', 'whole number of milliseconds'],
  ['100000h', 'over 99999h'],
  ['99999.5h', 'over 99999h'],
  ['5999941m', 'over 99999h'],
  ['99999.000000000000001h', 'milliseconds'],
  ['9'.repeat(100).concat('h'), 'over 99999h'],
  ['1d', 'not a duration'],
  ['60', 'not a duration'],
  ['soon', 'not a duration'],
  ['', 'not a duration'],
  [' 5s', 'not a duration'],
  ['5s ', 'not a duration'],
  ['5 s', 'not a duration'],
  ['5S', 'not a duration'],
  ['s', 'not a duration'],
  ['.s', 'not a duration'],
  ['1..5s', 'not a duration'],
  ['--5s', 'not a duration'],
  ['1h-5s', 'not a duration'],
  ['1e3s', 'not a duration'],
  ['0.0', 'not a duration'],
  ['00', 'not a duration'],
  ['+', 'not a duration'],
  ['5s\n', 'not a duration'],
  ['١s', 'not a duration'],
  [`${'0'.repeat(300)}s`, 'longer than 200 characters'],
  [60, 'found 60, allowed: a duration such as "90s"'],
  [true, 'found true'],
  [{ seconds: 5 }, 'an object'],
])('%j is refused', (written, cause) => {
  expect(convertTimeout(written)).toEqual({ cause: expect.stringContaining(cause) })
})

/** Nanoseconds in femto units, so that all fractions of up to 15 digits are whole numbers. */
const femto = 10n ** 15n
const units: Readonly<Record<string, bigint>> = {
  h: 3600n * 10n ** 9n,
  m: 60n * 10n ** 9n,
  s: 10n ** 9n,
  ms: 10n ** 6n,
  us: 1000n,
  µs: 1000n,
  ns: 1n,
}

type Part = { readonly written: string; readonly unit: string; readonly femtoNs: bigint }

const part = fc
  .tuple(
    fc.oneof(fc.nat(999), fc.nat(200_000), fc.bigInt(0n, 10n ** 16n)),
    fc.option(fc.string({ unit: fc.constantFrom(...'0005'), maxLength: 15 }), { nil: undefined }),
    fc.constantFrom(...Object.keys(units)),
  )
  .map(([whole, fraction, unit]): Part => {
    const written = `${whole}${fraction === undefined ? '' : `.${fraction}`}${unit}`
    let femtoNs = BigInt(whole) * femto
    for (const [index, digit] of [...(fraction ?? '')].entries()) femtoNs += BigInt(digit) * 10n ** BigInt(14 - index)
    return { written, unit, femtoNs: femtoNs * units[unit] }
  })

describe('durations of any parts', () => {
  test('keep their exact length, or are refused for it', () => {
    fc.assert(
      fc.property(fc.constantFrom('', '+', '-'), fc.array(part, { minLength: 1, maxLength: 4 }), (sign, parts) => {
        const written = sign + parts.map((part) => part.written).join('')
        const length = parts.reduce((sum, { femtoNs }) => sum + femtoNs, 0n)
        const ms = units.ms * femto
        const result = convertTimeout(written)
        const isKept = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(written)
        const isFit = (sign !== '-' || length === 0n) && length % ms === 0n && length <= 99_999n * units.h * femto
        expect('duration' in result).toBe(isKept || isFit)
        if (!('duration' in result)) return
        expect(result.duration).toMatch(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/)
        expect(lengthOf(result.duration) * ms).toBe(length)
        if (isKept) expect(result.duration).toBe(written)
      }),
      { numRuns: 1000 },
    )
  })

  test('begin with the largest unit that was written, or with a larger one only where five digits are too few', () => {
    const converted = fc.array(part, { minLength: 1, maxLength: 3 }).filter((parts) => parts.some(isFraction))
    fc.assert(
      fc.property(converted, (parts) => {
        const result = convertTimeout(parts.map(({ written }) => written).join(''))
        if (!('duration' in result) || result.duration === '0s') return
        const order = ['h', 'm', 's', 'ms', 'us', 'µs', 'ns']
        const largest = Math.min(3, ...parts.map(({ unit }) => order.indexOf(unit)))
        const first = order.indexOf(/[a-z]+/.exec(result.duration)![0])
        if (first < largest) {
          const inSmaller = lengthOf(result.duration) / (units[order[first + 1]] / units.ms)
          expect(inSmaller).toBeGreaterThan(99_999n)
        }
        const numbers = [...result.duration.matchAll(/([0-9]+)([a-z]+)/g)].slice(1)
        for (const [, count, unit] of numbers) expect(Number(count)).toBeLessThan(unit === 'ms' ? 1000 : 60)
        expect(result.duration).not.toMatch(/(?<![0-9])0/)
      }),
    )
  })

  test('any text or value is a duration or has a cause', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0159.+-hmsuµn '), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(text, fc.anything()), (written) => {
        const result = convertTimeout(written)
        if ('duration' in result) expect(result.duration).toMatch(/^([0-9]{1,5}(h|m|s|ms)){1,4}$/)
        else expect(result.cause).not.toBe('')
      }),
    )
  })
})

const isFraction = ({ written }: Part): boolean => written.includes('.')

/** In milliseconds. */
function lengthOf(duration: string): bigint {
  let ms = 0n
  for (const [, count, unit] of duration.matchAll(/([0-9]+)([a-z]+)/g)) ms += BigInt(count) * (units[unit] / units.ms)
  return ms
}
