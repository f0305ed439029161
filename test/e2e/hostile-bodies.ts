import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'

/** A body that says one model in one way and another in another way. */
export type TwoFaced = {
  readonly what: string
  readonly body: string | Buffer
  /** Beside application/json; several values are several headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** What the server for `qwen` gets, or why nobody does. */
  readonly outcome: { readonly arrives: string } | { readonly refused: string }
}

const rest = '"messages":[{"role":"user","content":"who are you?"}]'
const qwen = `{"model":"qwen",${rest}}`
const deepseek = `{"model":"deepseek-r1",${rest}}`

const arrives = (what: string, body: string, becomes = body): TwoFaced => ({
  what,
  body,
  outcome: { arrives: becomes },
})

const refused = (
  what: string,
  body: string | Buffer,
  refused: string,
  headers: TwoFaced['headers'] = {},
): TwoFaced => ({ what, body, headers, outcome: { refused } })

const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()
const utf32le = (text: string): Buffer => Buffer.concat([...text].map((c) => Buffer.from([c.charCodeAt(0), 0, 0, 0])))

/** By which model is it routed, which one runs? The one for `qwen` in all that arrives. */
export const twoFaced: readonly TwoFaced[] = [
  arrives(
    'a key with an escape first',
    `{"mod\\u0065l":"qwen","model":"deepseek-r1",${rest}}`,
    `{"mod\\u0065l":"qwen","model":"qwen",${rest}}`,
  ),
  arrives(
    'a key with an escape last',
    `{"model":"qwen",${rest},"\\u006d\\u006f\\u0064\\u0065\\u006c":"deepseek-r1"}`,
    `{"model":"qwen",${rest},"\\u006d\\u006f\\u0064\\u0065\\u006c":"qwen"}`,
  ),
  arrives(
    'the key in other letters, as servers written in Go read it',
    `{"Model":"deepseek-r1","model":"qwen",${rest},"MODEL":"deepseek-r1"}`,
    `{"Model":"deepseek-r1","model":"qwen",${rest},"MODEL":"qwen"}`,
  ),
  arrives('a model in an object before', `{"metadata":{"model":"deepseek-r1"},"model":"qwen",${rest}}`),
  arrives('a model in an array before', `{"x":[[{"model":"deepseek-r1"}]],"model":"qwen",${rest}}`),
  arrives('a model in a string before', `{"x":"\\",\\"model\\":\\"deepseek-r1\\"","model":"qwen",${rest}}`),
  arrives('a model of the prototype', `{"__proto__":{"model":"deepseek-r1"},"model":"qwen",${rest}}`),
  arrives('keys that are nearly it', `{" model":"deepseek-r1","model\\u0000":"deepseek-r1","model":"qwen",${rest}}`),
  refused('UTF-16, with a mark', Buffer.from(`\ufeff${deepseek}`, 'utf16le'), 'invalid_json'),
  refused('UTF-16, without one', Buffer.from(deepseek, 'utf16le'), 'invalid_json'),
  refused('UTF-16, the other end first', utf16be(`\ufeff${deepseek}`), 'invalid_json'),
  refused('UTF-32', utf32le(deepseek), 'invalid_json'),
  refused('a NUL before it', `\0${qwen}`, 'invalid_json'),
  refused('a NUL in the model', '{"model":"qwen\\u0000deepseek-r1"}', 'model_invalid'),
  refused('a second document', `${qwen}${deepseek}`, 'invalid_json'),
  refused('a second document in a line of its own', `${qwen}\n${deepseek}\n`, 'invalid_json'),
  refused('a NUL behind it', `${qwen}\0`, 'invalid_json'),
  refused('an array around it', `[${qwen}]`, 'model_missing'),
  refused('a comment before it', `/*{"model":"deepseek-r1"}*/${qwen}`, 'invalid_json'),
  refused('single quotes', "{'model':'deepseek-r1','model':\"qwen\"}", 'invalid_json'),
  refused('a number that is none', `{"x":NaN,"model":"qwen",${rest}}`, 'invalid_json'),
  refused('a list of models', `{"model":["qwen","deepseek-r1"],${rest}}`, 'model_invalid'),
  refused('an escape that is half a character', `{"model":"qwen\\ud800",${rest}}`, 'invalid_json'),
  refused('a thousand models', `{${'"model":"qwen",'.repeat(1000)}${rest}}`, 'model_invalid'),
  refused('a form', 'model=deepseek-r1', 'invalid_json', { 'content-type': 'application/x-www-form-urlencoded' }),
  refused('no gzip', qwen, 'invalid_encoding', { 'content-encoding': 'gzip' }),
  refused('gzip of something else', gzipSync(gzipSync(deepseek)), 'invalid_json', { 'content-encoding': 'gzip' }),
  refused('two encodings', gzipSync(gzipSync(deepseek)), 'unsupported_encoding', { 'content-encoding': 'gzip, gzip' }),
  refused('two encodings in two headers', gzipSync(deepseek), 'unsupported_encoding', {
    'content-encoding': ['identity', 'gzip'],
  }),
  refused('gzip and more of it', Buffer.concat([gzipSync(qwen), gzipSync(deepseek)]), 'invalid_json', {
    'content-encoding': 'gzip',
  }),
]

/** What JSON may claim to be; it is read as JSON all the same, as servers do. */
export const claimedTypes: readonly string[] = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/json; charset=utf-16',
  'application/JSON;charset="utf-8"; charset=utf-7',
]

const zeros = Buffer.alloc(24 * 1024 * 1024)
const quickly = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }

/** Few bytes that become 24 MiB. */
export const bombs: readonly { readonly encoding: string; readonly body: Buffer }[] = [
  { encoding: 'gzip', body: gzipSync(zeros) },
  { encoding: 'br', body: brotliCompressSync(zeros, quickly) },
  { encoding: 'zstd', body: zstdCompressSync(zeros) },
]
