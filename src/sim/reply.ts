import type { ServerResponse } from 'node:http'
import type { Refusal } from './refusal.ts'

type Headers = Readonly<Record<string, string | number>>

/** A whole answer at once, with its content-length. */
export function send(response: ServerResponse, status: number, body: string | Buffer, headers: Headers): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body)
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Headers = {}): void {
  send(response, status, JSON.stringify(value), { 'content-type': 'application/json', ...headers })
}

export function sendRefusal(response: ServerResponse, { status, error }: Refusal, headers: Headers = {}): void {
  sendJson(response, status, { error }, headers)
}
