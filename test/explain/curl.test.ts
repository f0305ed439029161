import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CurlError, readCurl } from '../../src/explain/curl.ts'
import { shellWords } from '../../src/explain/shell-words.ts'

const files: Readonly<Record<string, string>> = { 'body.json': '{"model":\n"qwen"}\n' }
const read = (line: string) => {
  const { headers, body, ...rest } = readCurl(line, (path) => Buffer.from(files[path]))
  return { ...rest, headers: Object.fromEntries(headers), body: body.toString() }
}

describe('a curl line is read as curl would send it', () => {
  test('as documents have it', () => {
    const line = `$ curl -sS http://localhost:8080/v1/chat/completions?a=b \\
      -H "Content-Type: application/json" \\
      -H 'Authorization: Bearer sk-1' \\
      -d '{"model": "qwen", "messages": []}' | jq .`
    expect(read(line)).toEqual({
      method: 'POST',
      path: '/v1/chat/completions?a=b',
      headers: {
        host: 'localhost:8080',
        accept: '*/*',
        'content-type': 'application/json',
        authorization: 'Bearer sk-1',
      },
      body: '{"model": "qwen", "messages": []}',
    })
  })

  test('as browsers copy it', () => {
    const line = `curl 'https://ai.example.com/v1/completions' -X 'POST' \\
  -H 'content-type: application/json' --data-raw $'{"model":"qwen","prompt":"it\\'s\\u0021\\n"}' --compressed --insecure`
    expect(read(line)).toMatchObject({ method: 'POST', body: `{"model":"qwen","prompt":"it's!\n"}` })
    expect(read(line).headers.host).toBe('ai.example.com')
  })

  test.each([
    [`curl host -d @body.json`, '{"model":"qwen"}', 'application/x-www-form-urlencoded'],
    [`curl host --data-binary @body.json -H 'content-type: application/json'`, files['body.json'], 'application/json'],
    [`curl host --json '{"a":' --json '1}'`, '{"a":1}', 'application/json'],
    [`curl host -d a=1 -d b=2`, 'a=1&b=2', 'application/x-www-form-urlencoded'],
    [`curl host --data-raw @body.json`, '@body.json', 'application/x-www-form-urlencoded'],
    [`curl host --data-urlencode 'a=b c'`, 'a=b%20c', 'application/x-www-form-urlencoded'],
  ])('%s', (line, body, type) => {
    expect(read(line)).toMatchObject({ method: 'POST', body, headers: { 'content-type': type } })
  })

  test.each([
    [`curl -G host/v1/models -d a=1`, 'GET', '/v1/models?a=1'],
    [`curl -I host`, 'HEAD', '/'],
    [`curl -XDELETE host/x`, 'DELETE', '/x'],
    [`curl -o out.txt -m 5 --url host/y`, 'GET', '/y'],
    [`curl --max-filesize 100 http://host/z -k`, 'GET', '/z'],
  ])('%s', (line, method, path) => {
    expect(read(line)).toMatchObject({ method, path, body: '' })
  })

  test('with a header of a million blanks in no more time than it takes to read them', () => {
    const value = `b${' '.repeat(1_000_000)}c`
    expect(read(`curl host -H 'a: ${value}'`).headers.a).toBe(value)
  })

  test('an escape that is no character of Unicode stands for one that can not be shown', () => {
    expect(read(`curl host -H $'a: \\UFFFFFFFF'`).headers.a).toBe('\ufffd')
  })

  test('-u, -A, -b, and headers that replace, remove or are empty', () => {
    expect(
      read(`curl -u me:pw -A agent -b a=1 -H 'Accept:' -H 'X-Empty;' -H 'User-Agent: other' host`).headers,
    ).toEqual({
      host: 'host',
      authorization: `Basic ${Buffer.from('me:pw').toString('base64')}`,
      'user-agent': 'other',
      cookie: 'a=1',
      'x-empty': '',
    })
  })

  test.each([
    ['wget host', /begins with curl/],
    ['curl -X POST', /names no URL/],
    [`curl 'http://host`, /' is not closed/],
    ['curl http://', /is no URL/],
    ['curl -F a=@b host', /-F and -T are not read here/],
  ])('%s: says why not', (line, message) => {
    expect(() => read(line)).toThrow(CurlError)
    expect(() => read(line)).toThrow(message)
  })
})

describe('words are those of bash', () => {
  const pieces = [
    "'",
    '"',
    '\\',
    ' ',
    'a',
    'ü',
    '\\n',
    "$'",
    '\\x41',
    '\\u00e4',
    '\\101',
    '{"a": 1}',
    "'b'",
    '"c d"',
    '\\\n',
  ]
  const lines = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((each) => each.join(''))

  test('for lines of quotes and backslashes, as far as they are closed', () => {
    // A backslash at the end would go on with the next line.
    const given = fc.sample(lines, { numRuns: 400, seed: 1 }).filter((line) => !/\\\n?$/.test(line))
    const read = given.flatMap((line) => {
      try {
        return [{ line, words: shellWords(line) }]
      } catch {
        return []
      }
    })
    expect(read.length).toBeGreaterThan(100)
    // All in one bash: what stands behind each word and each line is in none.
    const tell = `f() { for word in "$@"; do printf '%s\\2' "$word"; done; printf '\\1'; }`
    const script = [tell, ...read.map(({ line }) => `f ${line}`)].join('\n')
    const env = { ...process.env, LC_ALL: 'C.UTF-8' }
    const told = execFileSync('bash', ['-c', script], { encoding: 'utf8', env }).split('\x01').slice(0, -1)
    const words = told.map((line) => line.split('\x02').slice(0, -1))
    expect(read.map(({ line, words }) => ({ line, words }))).toEqual(
      read.map(({ line }, i) => ({ line, words: words[i] })),
    )
  })
})
