import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Mode, modes } from '../../src/demo/envoy-file.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { Probe } from '../../src/demo/probe.ts'
import { envoy } from './envoy.ts'

const mebibyte = 1024 * 1024
const sizes = [200, 70_000, 1_500_000, 19 * mebibyte]
const positions = ['first', 'in the middle', 'last'] as const
type Position = (typeof positions)[number]

/** What a rename must not touch: escapes, spaces, characters of several bytes, another model further inside. */
const odd =
  '"temperature" :\t0.70, "metadata":{"model":"inner","\\u006dodel":[1e2 , -0.0]},\r\n "user":"Zo\\u00eb \\" } 東京 🚂"'

/** A chat body of about `bytes` bytes; the text `model` stands wherever a model name shall be. */
function chatBody(bytes: number, position: Position): string {
  const words = 'Zürich, 東京: \\n\\"next stop\\" '
  const content = words.repeat(bytes / 2 / Buffer.byteLength(words))
  const messages = (text: string) => `"messages": [{"role": "user", "content": "${text}"}]`
  switch (position) {
    case 'first':
      return `{"model": "MODEL", ${odd}, ${messages(content + content)}}`
    case 'in the middle':
      return `{"prompt": "${content}", ${odd},"model":"MODEL",${messages(content)}}\n`
    case 'last':
      return ` {${messages(content + content)}, ${odd},\n"model" : "MODEL" } `
  }
}

const named = (template: string, model: string) => Buffer.from(template.replaceAll('MODEL', model))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Pieces as a client might write them, of all kinds of lengths. */
async function* pieces(body: Buffer): AsyncGenerator<Buffer> {
  const lengths = [1, 7, 1000, 62_000, 65_536, 62_001, 300_000, 3]
  for (let at = 0, turn = 0; at < body.length; turn++) {
    const length = lengths[turn % lengths.length]
    yield body.subarray(at, at + length)
    at += length
  }
}

describe.skipIf(envoy === undefined)('the body that arrives is the one that was sent, but for the model', () => {
  let gateway: Gateway
  beforeAll(async () => {
    gateway = await startGateway({ envoy: envoy!, modes })
  })
  afterAll(() => gateway?.stop())

  async function deliver(mode: Mode, template: string, model: string, framing: string) {
    const probe = new Probe({ ...gateway, mode, url: gateway.urls.get(mode)! })
    const body = named(template, model)
    const answer = await probe.chat(model, { body: framing === 'chunked' ? pieces(body) : body })
    probe.close()
    return { answer, arrived: probe.arrived() }
  }

  describe.each(modes)('%s', (mode) => {
    describe.each(['content-length', 'chunked'])('%s', (framing) => {
      const cases = sizes.flatMap((size) => positions.map((position) => ({ size, position })))
      test.each(cases)('$size bytes, model $position', async ({ size, position }) => {
        const template = chatBody(size, position)
        // Over --streamed-hold-bytes, 512 KiB by default.
        const tooLate = mode === 'streamed' && Buffer.byteLength(template.split('MODEL')[0]) > 524_288
        for (const model of ['qwen', 'travel-helper']) {
          const { answer, arrived } = await deliver(mode, template, model, framing)
          expect(answer.status, answer.body.toString().slice(0, 300)).toBe(tooLate ? 413 : 200)
          expect(arrived).toHaveLength(tooLate ? 0 : 1)
          if (tooLate) continue
          const [{ bodySha256, bodyBytes, headers }] = arrived
          const expected = named(template, JSON.parse(answer.body.toString()).model)
          expect({ bodyBytes, bodySha256 }).toEqual({ bodyBytes: expected.length, bodySha256: sha256(expected) })
          if (mode === 'buffered' && framing === 'content-length') {
            expect(headers['content-length']).toBe(String(expected.length))
          }
        }
      })
    })

    test('every later model is given the value of the first, whatever it was', async () => {
      const sent = (...models: string[]) =>
        `{"model":${models[0]},"messages":[],"model":${models[1]}, "m":{"model":"in"},"model" :${models[2]}}`
      const { answer, arrived } = await deliver(
        mode,
        sent('"MODEL"', '{"a":["deepseek-r1"]}', '"deepseek-r1"'),
        'qwen',
        '',
      )
      expect(answer.status).toBe(200)
      expect(arrived[0].body.toString()).toBe(sent('"qwen"', '"qwen"', '"qwen"'))
    })

    test('a model written with escapes is understood', async () => {
      const template = '{"\\u006dodel":"\\u0071wen","messages":[]}'
      const { answer, arrived } = await deliver(mode, template, 'qwen', '')
      expect(answer.status).toBe(200)
      expect(arrived[0].headers['x-gateway-model-name']).toBe('qwen')
      expect(arrived[0].body.toString()).toBe(template)
    })
  })
})
