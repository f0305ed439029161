import { z } from 'zod'
import { type ClientRequest, completed, defaultPath } from './client-request.ts'
import { CurlError, readCurl } from './curl.ts'

const texts = z.record(z.string(), z.string())

/** Names of the metadata that a proxy sends beside a request. */
export const poolMetadata = 'x-inference-pool'
export const subsetMetadata = 'x-gateway-destination-endpoint-subset'

const metadata = z.strictObject({ [poolMetadata]: z.string().optional(), [subsetMetadata]: z.string().optional() })

/** The body of `POST /explain`. */
const explainRequest = z
  .strictObject({
    method: z.string().min(1).optional(),
    path: z.string().startsWith('/').optional(),
    headers: texts.optional(),
    body: z.string().optional(),
    bodyBase64: z.base64().optional(),
    /** A curl command line, in place of the others. */
    curl: z.string().optional(),
    metadata: metadata.optional(),
  })
  .refine(({ body, bodyBase64 }) => body === undefined || bodyBase64 === undefined, {
    error: 'body or bodyBase64: one of them',
  })

/** Why a request can't be read, for people. */
export class UnreadableRequest extends Error {
  override readonly name = 'UnreadableRequest'
}

/** @throws UnreadableRequest */
export function readExplainRequest(text: string): ClientRequest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UnreadableRequest(`the body is no JSON: ${(error as Error).message}`)
  }
  const { data, error } = explainRequest.safeParse(value)
  if (data === undefined) {
    const lines = error.issues.map(({ path, message }) => `${path.join('.') || 'the body'}: ${message}`)
    throw new UnreadableRequest(
      `${lines.join('; ')} (allowed: method, path, headers, body or bodyBase64, metadata; or curl)`,
    )
  }
  const beside = withMetadata(data.metadata ?? {})
  if (data.curl !== undefined) {
    try {
      return { ...completed(readCurl(data.curl, noFiles)), ...beside }
    } catch (cause) {
      if (cause instanceof CurlError) throw new UnreadableRequest(cause.message)
      throw cause
    }
  }
  const body = data.bodyBase64 === undefined ? Buffer.from(data.body ?? '') : Buffer.from(data.bodyBase64, 'base64')
  const headers = Object.entries(data.headers ?? {}).map(([name, each]) => [name.toLowerCase(), each] as const)
  const method = data.method?.toUpperCase() ?? (body.length > 0 ? 'POST' : 'GET')
  return { ...completed({ method, path: data.path ?? defaultPath, headers, body }), ...beside }
}

/** A server reads no files for its clients. */
const noFiles = (path: string): never => {
  throw new CurlError(`@${path} names a file, which this server does not read: put its content in its place`)
}

/** What the proxy says, by the names of metadata. */
export function withMetadata(
  given: Readonly<Record<string, string | undefined>>,
): Pick<ClientRequest, 'poolHint' | 'subset'> {
  const subset = given[subsetMetadata]
  return {
    ...(given[poolMetadata] === undefined ? {} : { poolHint: given[poolMetadata] }),
    ...(subset === undefined ? {} : { subset: subset.split(',').map((each) => each.trim()) }),
  }
}
