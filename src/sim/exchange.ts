import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './body.ts'
import type { Exchange, SimContext } from './context.ts'
import { dialects } from './dialects/dialect.ts'
import { type Fault, faultSchema, parseFaultText } from './faults.ts'
import { answerInference } from './generation.ts'
import { parseBody, readInference } from './inference.ts'
import type { OpenEntry } from './journal.ts'
import { modelList } from './models.ts'
import { type Random, seededRandom } from './random.ts'
import { badRequest, refusalOf } from './refusal.ts'
import { send, sendJson, sendRefusal } from './reply.ts'
import { problemsOf } from './settings.ts'

/** What can be read of the model API. */
const readPages = new Map<string, (context: SimContext) => unknown>([
  ['/v1/models', modelList],
  ['/version', () => ({ version: 'signalbox-sim' })],
])

/** Records a request and answers it: with what was received, with an inference, or with an error. Never rejects. */
export async function exchange(context: SimContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { clock, journal, startedAtMs } = context
  const sinceStartMs = () => clock.nowMs() - startedAtMs
  const entry = journal.open(request, sinceStartMs())
  const random = seededRandom(context.seed, entry.number)
  const connection = new AbortController()
  const { signal } = connection
  response.on('close', () => {
    if (!response.writableFinished) connection.abort()
    entry.status = response.headersSent ? response.statusCode : undefined
    entry.closedMs = sinceStartMs()
    context.onRequest?.(entry)
  })

  try {
    const fault = isInference(entry) ? chooseFault(context, entry, random) : undefined
    const body = await readBody(request, {
      maxBytes: context.maxBodyBytes,
      bytesPerSecond: fault?.kind === 'slow-read' ? fault.bytesPerSecond : undefined,
      onChunk: (bytes) => journal.arrived(entry, bytes, sinceStartMs()),
      clock,
      signal,
    })
    journal.ended(entry, body, sinceStartMs())
    await answer({ context, response, entry, body, fault, random, signal })
  } catch (error) {
    if (signal.aborted) return
    if (response.headersSent) response.destroy()
    else sendRefusal(response, refusalOf(error))
  }
}

async function answer(received: Exchange): Promise<void> {
  const { context, response, entry } = received
  const body = parseBody(received.body)
  entry.model = typeof body?.model === 'string' ? body.model : undefined
  const current: Exchange = { ...received, fault: received.fault ?? faultOfModel(received) }
  if (entry.headers['x-sim-echo'] !== undefined) return answerEcho(current)

  const path = pathOf(entry)
  const dialect = dialects.get(path)
  if (dialect !== undefined && entry.method === 'POST') {
    const inference = readInference(dialect, body, context.served, context.settings.tokens)
    return answerInference(current, inference)
  }
  const page = readPages.get(path)
  const isRead = entry.method === 'GET' || entry.method === 'HEAD'
  if (page !== undefined && isRead) return sendJson(response, 200, page(context))
  if (page !== undefined || dialect !== undefined) return sendJson(response, 405, { detail: 'Method Not Allowed' })
  sendJson(response, 404, { detail: 'Not Found' })
}

/** `x-sim-echo: body` sends the body back as it came; `request` says what came, on any path. */
function answerEcho({ context, response, entry, body }: Exchange): void {
  const { method, path, headers, bodyBytes, bodySha256 } = entry
  switch (headers['x-sim-echo']) {
    case 'body': {
      const isJson = headers['content-type']?.startsWith('application/json') ?? false
      send(response, 200, body, { 'content-type': isJson ? 'application/json' : 'application/octet-stream' })
      break
    }
    case 'request':
      sendJson(response, 200, { server: context.name, method, path, headers, bodyBytes, bodySha256 })
      break
    default:
      throw badRequest('x-sim-echo: expected body or request')
  }
}

/** The fault that the request asks for, else what the server has in store for it. */
function chooseFault({ settings }: SimContext, entry: OpenEntry, random: Random): Fault | undefined {
  const text = entry.headers['x-sim-fault']
  if (text === undefined) return settings.faults.draw(random)
  const result = faultSchema.safeParse(parseFaultText(text))
  if (!result.success) throw badRequest(`x-sim-fault: ${problemsOf(result.error)}`)
  return result.data
}

/** What the server has in store for requests of this model. */
function faultOfModel({ context, entry, random }: Exchange): Fault | undefined {
  if (entry.model === undefined || !isInference(entry)) return undefined
  return context.settings.faults.draw(random, entry.model)
}

function isInference(entry: OpenEntry): boolean {
  return entry.method === 'POST' && dialects.has(pathOf(entry))
}

function pathOf({ path }: OpenEntry): string {
  return path.split('?', 1)[0]
}
