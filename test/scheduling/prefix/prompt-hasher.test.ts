import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksWithin } from '../../../src/scheduling/prefix/blocks.ts'
import { PromptHasher } from '../../../src/scheduling/prefix/prompt-hasher.ts'
import { bytesOf, hashed, keysOf } from './prompts.ts'

describe('the keys of a prompt', () => {
  const prompt = bytesOf(1, 700)
  const whole = keysOf(hashed(prompt))

  it('are one for each complete block', () => {
    for (const length of [0, 1, 63, 64, 65, 128, 700, 2048, 2175, 2176]) {
      expect(hashed(bytesOf(1, length)).blocks, `${length} bytes`).toBe(blocksWithin(length))
    }
  })

  it('are integers below 2^53 that differ', () => {
    const keys = keysOf(hashed(bytesOf(3, 300_000)))
    expect(keys.every((key) => Number.isSafeInteger(key) && key >= 0)).toBe(true)
    expect(new Set(keys).size).toBe(keys.length)
    expect(Math.max(...keys)).toBeGreaterThan(2 ** 52)
  })

  it('are the same wherever the prompt is cut in two', () => {
    for (let at = 0; at <= prompt.length; at += 1) {
      expect(keysOf(hashed(prompt.subarray(0, at), prompt.subarray(at))), `cut at ${at}`).toEqual(whole)
    }
  })

  it('are the same however the prompt is cut and wherever it lies', () => {
    const cuts = fc.array(fc.nat(40), { maxLength: 60 })
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 500, maxLength: 3000 }), cuts, fc.nat(9), (bytes, sizes, before) => {
        const body = Buffer.concat([Buffer.alloc(before, 'x'), bytes, Buffer.alloc(3, 'y')])
        const end = before + bytes.length
        const hasher = new PromptHasher()
        let at = before
        for (const size of sizes) {
          const next = Math.min(at + size, end)
          hasher.push(body, at, next)
          at = next
        }
        hasher.push(body, at, end)
        expect(keysOf(hasher)).toEqual(keysOf(hashed(Buffer.from(bytes))))
      }),
    )
  })

  it('agree up to the block with the first byte that differs, and not from there on', () => {
    for (let at = 0; at < 640; at += 1) {
      const other = Buffer.from(prompt)
      other[at] ^= 1
      const keys = keysOf(hashed(other))
      const same = Math.floor(at / 64)
      expect(keys.slice(0, same), `byte ${at}`).toEqual(whole.slice(0, same))
      for (let block = same; block < 10; block += 1) expect(keys[block], `byte ${at}`).not.toBe(whole[block])
    }
  })

  it('tell apart what differs in the order of its words only', () => {
    const words = ['aaaa', 'bbbb', 'cccc', 'dddd'].map((word) => word.repeat(4))
    const orders = [
      [0, 1, 2, 3],
      [1, 0, 2, 3],
      [0, 2, 1, 3],
      [3, 1, 2, 0],
      [0, 0, 0, 0],
      [1, 1, 1, 1],
    ]
    const keys = orders.map((order) => keysOf(hashed(Buffer.from(order.map((i) => words[i]).join(''))))[0])
    expect(new Set(keys).size).toBe(orders.length)
  })

  it('end at 1 MB: more is read without an effect', () => {
    const megabyte = Buffer.alloc(1_046_528, 'abcdefg ')
    expect(hashed(megabyte).blocks).toBe(288)
    const longer = hashed(megabyte, Buffer.from('more'), Buffer.alloc(100_000))
    expect(keysOf(longer)).toEqual(keysOf(hashed(megabyte)))
    expect(keysOf(hashed(Buffer.concat([megabyte, Buffer.alloc(70_001)])))).toEqual(keysOf(hashed(megabyte)))
  })

  it('say where their blocks end', () => {
    expect([0, 31, 32].map((block) => hashed(prompt).endOf(block))).toEqual([64, 2048, 2176])
  })
})

describe('what else is in the keys', () => {
  const prompt = bytesOf(1, 128)

  it('is the model', () => {
    const hasher = hashed(prompt)
    const [first] = keysOf(hasher, 'a')
    expect(hasher.key(0, 'b')).not.toBe(first)
    expect(hasher.key(0, '')).not.toBe(first)
    expect(hasher.key(0, 'a')).toBe(first)
  })

  it('is the salt', () => {
    const salted = hashed(prompt)
    salted.salt = 'tenant'
    const [first] = keysOf(salted)
    expect(first).not.toBe(keysOf(hashed(prompt))[0])
    const again = hashed(prompt)
    again.salt = 'tenant'
    expect(keysOf(again)[0]).toBe(first)
    // Model and salt are not one text that is cut somewhere.
    const swapped = hashed(prompt)
    swapped.salt = 'base'
    expect(swapped.key(0, 'tenant')).not.toBe(first)
  })

  const withHead = (...parts: string[]): number[] => {
    const hasher = new PromptHasher()
    for (const part of parts) hasher.head(Buffer.from(part), 0, part.length)
    hasher.push(prompt, 0, prompt.length)
    return keysOf(hasher)
  }

  it('is what stands before the prompt, wherever it is cut', () => {
    const head = '[{"type":"function","function":{"name":"look_up"}}]'
    for (let at = 0; at <= head.length; at += 1) {
      expect(withHead(head.slice(0, at), head.slice(at)), `cut at ${at}`).toEqual(withHead(head))
    }
    const heads = ['', '"a"', '"b"', '"a"\0', head, `${head} `, '0123456789abcdef', '0123456789abcdef'.repeat(8)]
    expect(new Set(heads.map((text) => withHead(text)[0])).size).toBe(heads.length)
  })

  it('is not the same for the same bytes as part of the prompt', () => {
    const text = '0123456789abcdef'.repeat(4)
    expect(withHead(text)[0]).not.toBe(keysOf(hashed(Buffer.from(text), prompt))[1])
  })

  it('leaves the number of blocks to the prompt', () => {
    expect(withHead('x'.repeat(1000))).toHaveLength(2)
  })
})
