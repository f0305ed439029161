import { z } from 'zod'
import type { ClientRequest } from './client-request.ts'

/** A HAR that can't be read, for people. */
export class HarError extends Error {
  override readonly name = 'HarError'
}

const pair = z.object({ name: z.string(), value: z.string() })

/** HAR 1.2, as far as it says what was sent. */
const har = z.object({
  log: z.object({
    entries: z.array(
      z.object({
        request: z.object({
          method: z.string(),
          url: z.url(),
          headers: z.array(pair).default([]),
          postData: z
            .object({ mimeType: z.string().default(''), text: z.string().default(''), encoding: z.string().optional() })
            .optional(),
        }),
      }),
    ),
  }),
})

/** Headers that say how a body was on its way, and not what it is. */
const ofTransport = ['content-length', 'transfer-encoding', 'connection']

/**
 * One of the requests that a browser has recorded.
 * @param entry from 1; undefined: the first POST, else the first
 * @throws HarError
 */
export function readHar(text: string, entry: number | undefined): ClientRequest {
  const { entries } = parse(text).log
  const at =
    entry === undefined
      ? Math.max(
          0,
          entries.findIndex(({ request }) => request.method === 'POST'),
        )
      : entry - 1
  const found = entries[at]
  if (found === undefined) throw new HarError(`it has ${entries.length} entries, and --entry asks for ${at + 1}`)
  const { method, url, headers, postData } = found.request
  const { pathname, search, host } = new URL(url)
  const sent = headers
    .map(({ name, value }) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !name.startsWith(':') && !ofTransport.includes(name))
  const hasHost = sent.some(([name]) => name === 'host')
  return {
    method: method.toUpperCase(),
    path: pathname + search,
    headers: hasHost ? sent : [['host', host], ...sent],
    body: Buffer.from(postData?.text ?? '', postData?.encoding === 'base64' ? 'base64' : 'utf8'),
  }
}

/** Whether a text is meant to be a HAR. */
export const looksLikeHar = (text: string): boolean => /^\s*\{\s*"log"\s*:\s*\{/.test(text)

function parse(text: string): z.infer<typeof har> {
  try {
    const { data, error } = har.safeParse(JSON.parse(text))
    if (data !== undefined) return data
    const [{ path, message }] = error.issues
    throw new HarError(`it is no HAR: ${path.join('.')}: ${message}`)
  } catch (error) {
    if (error instanceof HarError) throw error
    throw new HarError(`it is no JSON: ${(error as Error).message}`)
  }
}
