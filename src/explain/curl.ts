import { parseArgs } from 'node:util'
import type { ClientRequest } from './client-request.ts'
import { ShellError, shellWords } from './shell-words.ts'

/** A curl command line that can't be read, for people. */
export class CurlError extends Error {
  override readonly name = 'CurlError'
}

const text = { type: 'string', multiple: true } as const
const flag = { type: 'boolean' } as const

/** The options of curl that say what is sent, and those that take a value, which is none of the request. */
const options = {
  request: { ...text, short: 'X' },
  header: { ...text, short: 'H' },
  data: { ...text, short: 'd' },
  'data-raw': text,
  'data-ascii': text,
  'data-binary': text,
  'data-urlencode': text,
  json: text,
  url: text,
  'url-query': text,
  user: { ...text, short: 'u' },
  'user-agent': { ...text, short: 'A' },
  referer: { ...text, short: 'e' },
  cookie: { ...text, short: 'b' },
  'oauth2-bearer': text,
  form: { ...text, short: 'F' },
  'upload-file': { ...text, short: 'T' },
  get: { ...flag, short: 'G' },
  head: { ...flag, short: 'I' },
  compressed: flag,
  output: { ...text, short: 'o' },
  'max-time': { ...text, short: 'm' },
  'write-out': { ...text, short: 'w' },
  proxy: { ...text, short: 'x' },
  cert: { ...text, short: 'E' },
  'cookie-jar': { ...text, short: 'c' },
  'dump-header': { ...text, short: 'D' },
  'connect-timeout': text,
  'connect-to': text,
  resolve: text,
  retry: text,
  'retry-delay': text,
  cacert: text,
  key: text,
  'unix-socket': text,
  interface: text,
  'limit-rate': text,
  'max-redirs': text,
} as const

type DataOption = 'data' | 'data-raw' | 'data-ascii' | 'data-binary' | 'data-urlencode' | 'json'
const dataOptions: readonly string[] = ['data', 'data-raw', 'data-ascii', 'data-binary', 'data-urlencode', 'json']

/**
 * The request that a curl command line sends, as it is copied from a browser or from documents.
 * @param readFile of `@FILE`; `-` is standard input
 * @throws CurlError, and what `readFile` throws
 */
export function readCurl(line: string, readFile: (path: string) => Buffer): ClientRequest {
  const [program, ...words] = wordsOf(line)
  if (program === undefined || !/(^|\/)curl(\.exe)?$/.test(program))
    throw new CurlError('a command line begins with curl')
  const { values, tokens, positionals } = parseArgs({
    args: words,
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  if (values.form !== undefined || values['upload-file'] !== undefined) {
    throw new CurlError(
      '-F and -T are not read here: give the body with --body FILE, and its content type with --header',
    )
  }
  const list = (name: keyof typeof options): readonly string[] => (values[name] as string[] | undefined) ?? []
  // The value of an option that is not known here stands among them.
  const address = list('url')[0] ?? positionals.find((each) => /^https?:\/\//i.test(each)) ?? positionals.at(-1)
  if (address === undefined) throw new CurlError('it names no URL')
  const url = urlOf(address)
  const pieces: Buffer[] = []
  for (const token of tokens) {
    if (token.kind !== 'option' || !dataOptions.includes(token.name) || token.value === undefined) continue
    const piece = dataOf(token.name as DataOption, token.value, readFile)
    if (pieces.length > 0) pieces.push(Buffer.from(token.name === 'json' ? '' : '&'))
    pieces.push(piece)
  }
  const hasData = pieces.length > 0
  const data = Buffer.concat(pieces)
  const queries = [...list('url-query'), ...(values.get === true && hasData ? [data.toString()] : [])]
  const query = [url.search.slice(1), ...queries].filter((each) => each !== '').join('&')
  const body = values.get === true ? Buffer.alloc(0) : data
  const method =
    list('request').at(-1) ?? (values.head === true ? 'HEAD' : hasData && values.get !== true ? 'POST' : 'GET')
  const headers: (readonly [string, string])[] = [
    ['host', url.host],
    ...defaultHeaders(values.json !== undefined, hasData && values.get !== true),
    ...[...list('user')].map((each) => ['authorization', `Basic ${Buffer.from(each).toString('base64')}`] as const),
    ...[...list('oauth2-bearer')].map((each) => ['authorization', `Bearer ${each}`] as const),
    ...[...list('user-agent')].map((each) => ['user-agent', each] as const),
    ...[...list('cookie')].map((each) => ['cookie', each] as const),
    ...(values.compressed === true ? [['accept-encoding', 'deflate, gzip, br, zstd'] as const] : []),
  ]
  for (const header of list('header')) setHeader(headers, header)
  return { method: method.toUpperCase(), path: url.pathname + (query === '' ? '' : `?${query}`), headers, body }
}

function wordsOf(line: string): string[] {
  try {
    return shellWords(line.trim().replace(/^[$>%]\s+/, ''))
  } catch (error) {
    if (error instanceof ShellError) throw new CurlError(error.message)
    throw error
  }
}

function urlOf(address: string): URL {
  try {
    return new URL(/^[a-z]+:\/\//i.test(address) ? address : `http://${address}`)
  } catch {
    throw new CurlError(`${JSON.stringify(address)} is no URL`)
  }
}

function dataOf(option: DataOption, value: string, readFile: (path: string) => Buffer): Buffer {
  const isFile = value.startsWith('@') && option !== 'data-raw' && option !== 'data-urlencode'
  if (option === 'data-urlencode') return Buffer.from(urlEncoded(value))
  if (!isFile) return Buffer.from(value)
  const content = readFile(value.slice(1))
  // -d leaves line breaks of a file out.
  return option === 'data' || option === 'data-ascii'
    ? Buffer.from(content.toString().replaceAll(/[\r\n]/g, ''))
    : content
}

function urlEncoded(value: string): string {
  const at = value.indexOf('=')
  return at < 0
    ? encodeURIComponent(value)
    : `${value.slice(0, at + 1)}${encodeURIComponent(value.slice(at + 1))}`.replace(/^=/, '')
}

function defaultHeaders(isJson: boolean, hasData: boolean): (readonly [string, string])[] {
  if (isJson)
    return [
      ['content-type', 'application/json'],
      ['accept', 'application/json'],
    ]
  return hasData
    ? [
        ['content-type', 'application/x-www-form-urlencoded'],
        ['accept', '*/*'],
      ]
    : [['accept', '*/*']]
}

/** `Name: value` takes the place of curl's own; `Name:` removes it; `Name;` sends it empty. */
function setHeader(headers: (readonly [string, string])[], header: string): void {
  const match = /^([^:;\s]+)\s*([:;])/.exec(header.trim())
  if (match === null) return
  const [begin, given, mark] = match
  const name = given.toLowerCase()
  const value = header.trim().slice(begin.length).trim()
  for (let i = headers.length - 1; i >= 0; i -= 1) if (headers[i][0] === name) headers.splice(i, 1)
  if (value !== '' || mark === ';') headers.push([name, value])
}
