import { InvalidArgumentError } from 'commander'
import { describe, expect, test } from 'vitest'
import {
  bytesText,
  durationText,
  parseBoolean,
  parseBytes,
  parseDurationMs,
  parseLabels,
  parsePort,
  parsePorts,
  parseVerbosity,
} from '../../src/cli/flag-values.ts'

/** What a flag's text becomes; `undefined` where it is refused. */
function readWith<Value>(parse: (value: string) => Value, value: string): Value | undefined {
  try {
    return parse(value)
  } catch (error) {
    if (error instanceof InvalidArgumentError) return undefined
    throw error
  }
}

describe('booleans', () => {
  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
    ['yes', undefined],
    ['TRUE', undefined],
    ['', undefined],
  ])('%j: %s', (text, value) => expect(readWith(parseBoolean, text)).toBe(value))
})

describe('ports', () => {
  test.each([
    ['0', 0],
    ['9002', 9002],
    ['65535', 65_535],
    ['65536', undefined],
    ['-1', undefined],
    ['80.5', undefined],
    ['0x50', undefined],
    ['1e3', undefined],
    [' 80', undefined],
    ['http', undefined],
    ['', undefined],
  ])('%j: %s', (text, value) => expect(readWith(parsePort, text)).toBe(value))
})

describe('sizes', () => {
  test.each([
    ['1', 1],
    ['1000000', 1_000_000],
    ['512Ki', 524_288],
    ['20Mi', 20_971_520],
    ['1.5Gi', 1_610_612_736],
    ['3k', 3000],
    ['2M', 2_000_000],
    ['1G', 1_000_000_000],
    ['0', undefined],
    ['0Mi', undefined],
    ['0.5', undefined],
    ['1.3Ki', undefined],
    ['-1', undefined],
    ['20MB', undefined],
    ['20 Mi', undefined],
    ['Mi', undefined],
    ['1e6', undefined],
    ['99999999999Gi', undefined],
    ['', undefined],
  ])('%j: %s bytes', (text, value) => expect(readWith(parseBytes, text)).toBe(value))
})

describe('durations', () => {
  test.each([
    ['50ms', 50],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1h2m3s4ms', 3_723_004],
    ['0s', 0],
    ['30', undefined],
    ['s', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1d', undefined],
    ['', undefined],
  ])('%j: %s ms', (text, value) => expect(readWith(parseDurationMs, text)).toBe(value))
})

describe('verbosity', () => {
  test.each([
    ['0', 0],
    ['5', 5],
    ['=3', 3],
    ['-1', undefined],
    ['1.5', undefined],
    ['debug', undefined],
    ['', undefined],
  ])('%j: %s', (text, value) => expect(readWith(parseVerbosity, text)).toBe(value))
})

test('a refusal says what would be right', () => {
  expect(() => parseBytes('20MB')).toThrow('It is a size such as 20Mi or 524288.')
  expect(() => parsePort('http')).toThrow('It is a port, 0 to 65535.')
  expect(() => parseDurationMs('1d')).toThrow('It is a duration such as 50ms or 30s.')
})

describe('values as they are written', () => {
  test.each(['20Mi', '512Ki', '1Gi', '1000', '1Ki'])('%s', (text) => expect(bytesText(parseBytes(text))).toBe(text))
  test.each(['50ms', '30s', '1500ms'])('%s', (text) => expect(durationText(parseDurationMs(text))).toBe(text))
})

describe('labels', () => {
  test.each([
    ['app=qwen', [['app', 'qwen']]],
    [
      'app=qwen, example.com/tier=',
      [
        ['app', 'qwen'],
        ['example.com/tier', ''],
      ],
    ],
    ['app', undefined],
    ['=qwen', undefined],
    ['app=a=b', undefined],
    ['app=a,', undefined],
  ])('%j: %j', (text, value) => expect(readWith(parseLabels, text)).toEqual(value))
})

describe('lists of ports', () => {
  test.each([
    ['8000', [8000]],
    ['8000, 8001', [8000, 8001]],
    ['8000,', undefined],
    ['0', undefined],
    ['1,2,3,4,5,6,7,8,9', undefined],
  ])('%j: %j', (text, value) => expect(readWith(parsePorts, text)).toEqual(value))
})
