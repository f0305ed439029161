import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { readBody } from './body.ts'
import type { SimContext } from './context.ts'
import { refuseForMsField } from './faults.ts'
import { journalEntryJson } from './journal.ts'
import { badRequest, refusalOf } from './refusal.ts'
import { send, sendJson, sendRefusal } from './reply.ts'
import { parseSettingsChange, problemsOf } from './settings.ts'

/** What the pages can do to the server that they belong to. */
export type ControlActions = { refuse(forMs: number): void }

type Page = (
  context: SimContext,
  request: IncomingMessage,
  response: ServerResponse,
  actions: ControlActions,
) => void | Promise<void>

const maxControlBodyBytes = 1024 * 1024
const refuseSchema = z.strictObject({ forMs: refuseForMsField })

/** Pages beside the model's API, by `METHOD path`. The journal does not record them. */
const pages: Readonly<Record<string, Page>> = {
  'GET /health': (_, __, response) => send(response, 200, '', {}),
  'GET /metrics': ({ engine, metrics, clock }, _, response) =>
    send(response, 200, metrics.render(engine.snapshot(clock.nowMs())), {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    }),
  'GET /sim/requests': ({ name, journal }, _, response) =>
    sendJson(response, 200, { server: name, count: journal.count, requests: journal.entries().map(journalEntryJson) }),
  'DELETE /sim/requests': ({ journal }, _, response) => {
    journal.clear()
    response.writeHead(204).end()
  },
  'GET /sim/config': ({ settings }, _, response) => sendJson(response, 200, settings.view()),
  'POST /sim/config': async (context, request, response) => {
    context.settings.change(parseSettingsChange(await readJson(context, request)))
    sendJson(response, 200, context.settings.view())
  },
  'POST /sim/refuse': async (context, request, response, actions) => {
    const result = refuseSchema.safeParse(await readJson(context, request))
    if (!result.success) throw badRequest(problemsOf(result.error))
    response.on('finish', () => actions.refuse(result.data.forMs))
    sendJson(response, 200, result.data, { connection: 'close' })
  },
}
const controlPaths = new Set(Object.keys(pages).map((key) => key.split(' ')[1]))

/** Whether the path is one of the simulator's own pages. */
export function isControlPath(path: string): boolean {
  return controlPaths.has(path)
}

/** Answers a request for a control path. Never rejects. */
export async function control(
  context: SimContext,
  request: IncomingMessage,
  response: ServerResponse,
  actions: ControlActions,
): Promise<void> {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  const page = pages[`${method} ${request.url?.split('?', 1)[0]}`]
  if (page === undefined) return sendJson(response, 405, { detail: 'Method Not Allowed' })
  try {
    await page(context, request, response, actions)
  } catch (error) {
    sendRefusal(response, refusalOf(error))
  }
}

async function readJson({ clock }: SimContext, request: IncomingMessage): Promise<unknown> {
  const connection = new AbortController()
  request.on('close', () => connection.abort())
  const body = await readBody(request, { maxBytes: maxControlBodyBytes, clock, signal: connection.signal })
  try {
    return JSON.parse(body.toString())
  } catch {
    throw badRequest('The body is not JSON.')
  }
}
