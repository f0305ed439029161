import { gzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { decodeInTurn } from '../../../src/request/bodies/inflating.ts'
import { maxInflating } from '../../../src/request/limits.ts'

const mebibyte = 1024 * 1024
const large = gzipSync(Buffer.alloc(4 * mebibyte))
const small = gzipSync('{}')

/** Starts to decode, and tells in `log` when it is done. */
const decode = (name: string, body: Buffer, log: string[]) =>
  decodeInTurn([body], 'gzip', 8 * mebibyte, (result) => {
    log.push('code' in result ? `${name}: ${result.code}` : `${name}: ${result.bytes}`)
  })

test('a small body waits for the large ones before it, as only so many are decoded at a time', async () => {
  const log: string[] = []
  for (let i = 0; i < maxInflating; i++) decode(`large ${i}`, large, log)
  decode('small', small, log)
  await vi.waitFor(() => expect(log).toHaveLength(maxInflating + 1))
  expect(log.indexOf('small: 2')).toBeGreaterThan(0)
})

test('cancelling gives the place up, and that of those that wait: all others are decoded', async () => {
  const log: string[] = []
  const cancels = Array.from({ length: 3 * maxInflating }, (_, i) => decode(String(i), large, log))
  decode('last', small, log)
  for (const cancel of cancels) cancel()
  await vi.waitFor(() => expect(log).toEqual(['last: 2']))
})

test('cancelling what is done does nothing: no more than so many are decoded after it, either', async () => {
  const log: string[] = []
  const cancels = Array.from({ length: maxInflating }, (_, i) => decode(String(i), small, log))
  await vi.waitFor(() => expect(log).toHaveLength(maxInflating))
  for (const cancel of cancels) cancel()
  log.length = 0
  for (let i = 0; i < maxInflating; i++) decode(`large ${i}`, large, log)
  decode('small', small, log)
  await vi.waitFor(() => expect(log).toHaveLength(maxInflating + 1))
  expect(log.indexOf('small: 2')).toBeGreaterThan(0)
})

test('one that fails makes room, too', async () => {
  const log: string[] = []
  for (let i = 0; i < 2 * maxInflating; i++) decode('broken', Buffer.from('no gzip'), log)
  decode('small', small, log)
  await vi.waitFor(() => expect(log).toContain('small: 2'))
  expect(log.filter((line) => line === 'broken: invalid_encoding')).toHaveLength(2 * maxInflating)
})
