import { crc32, gzipSync } from 'node:zlib'
import { modelAlias } from '../scene.ts'

/** Clients ask for `alias`, servers know it by a longer name. */
const target = 'qwen-of-the-night-shift'
export const resources = [modelAlias('qwen', 'qwen'), modelAlias('alias', target)]

/** What a server says of a request that it got. */
export type Arrival = { readonly servedModel: string | undefined; readonly crc: number; readonly bytes: number }

/** A body as it is sent, and how it shall arrive. */
export type Body = { readonly model: string; readonly sent: Buffer; readonly arrival: Arrival }

function body(model: string, textFor: (model: string) => string): Body {
  const servedModel = model === 'alias' ? target : model
  const arriving = Buffer.from(textFor(servedModel))
  const arrival = { servedModel, crc: crc32(arriving), bytes: arriving.length }
  return { model, sent: Buffer.from(textFor(model)), arrival }
}

const sentence = 'Which track does the night train take? '
const messages = (bytes: number) => [{ role: 'user', content: sentence.repeat(bytes / sentence.length) }]

export const modelFirst = (bytes: number, model = 'qwen', more: object = {}): Body =>
  body(model, (model) => JSON.stringify({ model, ...more, messages: messages(bytes) }))

export const modelLast = (bytes: number, model = 'qwen'): Body =>
  body(model, (model) => JSON.stringify({ messages: messages(bytes), model }))

/** The server does not look into it. */
export function gzipped({ model, sent }: Body): Body {
  const zipped = gzipSync(sent)
  return { model, sent: zipped, arrival: { servedModel: undefined, crc: crc32(zipped), bytes: zipped.length } }
}
