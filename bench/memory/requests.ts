import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { chatBody, type ModelPosition } from '../bodies.ts'
import { modelName } from '../peers/resources.ts'
import { processPath } from '../responses/exchange.ts'
import { message, requestHeaders } from '../responses/messages.ts'

export type Shape = {
  readonly bodyBytes: number
  readonly position: ModelPosition
  /** Whether the client takes what is sent back, or leaves it to flow control. */
  readonly readsEcho: boolean
}

/** Requests that are under way: all but the last part of each body has been sent, as far as flow control lets it. */
export type RequestsInFlight = {
  /** Bytes on the connections until now, frames and all. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Sends the last parts, reads all, and resolves with how many streams came to a good end. */
  finish(): Promise<number>
  close(): void
}

const connections = 4
const chunkBytes = 16 * 1024
/** The initial window of HTTP/2 (RFC 9113, section 6.9.2), for what a stream sends back. */
const streamWindowBytes = 65_535
const connectionWindowBytes = 256 * 1024 * 1024
/** No byte moves for so long: all has been sent that can be. Longer than a busy machine keeps one side from its turn. */
const quietMs = 3000
const lookEveryMs = 100
const echoTimeoutMs = 120_000
/** A stream on which nothing comes for so long does not end any more. */
const endTimeoutMs = 30_000

/** Opens `count` streams to an ext_proc server and sends what can be sent. */
export async function sendAllButLast(address: string, count: number, shape: Shape): Promise<RequestsInFlight> {
  const body = chatBody(shape.bodyBytes, shape.position, modelName)
  const last = Math.floor((body.length - 1) / chunkBytes) * chunkBytes
  const messages = [requestHeaders('STREAMED')]
  for (let at = 0; at < last; at += chunkBytes) messages.push(bodyMessage(body.subarray(at, at + chunkBytes), false))
  const opening = Buffer.concat(messages)
  const ending = bodyMessage(body.subarray(last), true)

  const sessions = await Promise.all(Array.from({ length: connections }, () => connectTo(address)))
  const streams = Array.from({ length: count }, (_, index) =>
    openStream(sessions[index % connections], opening, shape.readsEcho),
  )
  // With the model last nothing comes back before the end.
  if (shape.readsEcho && shape.position === 'first') await untilEchoed(streams, last)
  await untilQuiet(sessions)
  const sum = (of: (session: ClientHttp2Session) => number) => sessions.reduce((total, each) => total + of(each), 0)
  return {
    sentBytes: sum(({ socket }) => socket.bytesWritten),
    receivedBytes: sum(({ socket }) => socket.bytesRead),
    async finish() {
      const ends = await Promise.all(streams.map((stream) => finishStream(stream, ending, body.length)))
      return ends.filter(Boolean).length
    },
    close() {
      for (const session of sessions) session.destroy()
    },
  }
}

const bodyMessage = (body: Buffer, end_of_stream: boolean) => message({ request_body: { body, end_of_stream } })

function connectTo(address: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://${address}`, {
      settings: { initialWindowSize: streamWindowBytes },
      maxSessionMemory: 8192,
    })
    session.once('error', reject)
    session.once('connect', () => {
      session.setLocalWindowSize(connectionWindowBytes)
      session.once('remoteSettings', () => resolve(session))
    })
  })
}

type OpenStream = { readonly stream: ClientHttp2Stream; readonly status: Promise<string>; receivedBytes: number }

function openStream(session: ClientHttp2Session, opening: Buffer, readsEcho: boolean): OpenStream {
  const stream = session.request({
    ':method': 'POST',
    ':path': processPath,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const { promise: status, resolve } = Promise.withResolvers<string>()
  const open: OpenStream = { stream, status, receivedBytes: 0 }
  stream.on('trailers', (trailers) => resolve(String(trailers['grpc-status'])))
  stream.on('error', (error) => resolve(error.message))
  stream.on('close', () => resolve('no status'))
  stream.setTimeout(endTimeoutMs, () => resolve(`nothing for ${endTimeoutMs} ms`))
  stream.on('data', (bytes: Buffer) => {
    open.receivedBytes += bytes.length
  })
  if (!readsEcho) stream.pause()
  stream.write(opening)
  return open
}

/** Good when the whole body came back and the status is OK. */
async function finishStream(open: OpenStream, ending: Buffer, bodyBytes: number): Promise<boolean> {
  open.stream.resume()
  open.stream.end(ending)
  return (await open.status) === '0' && open.receivedBytes >= bodyBytes
}

/** Until no byte has moved for a while, however often both sides were looked at. */
async function untilQuiet(sessions: readonly ClientHttp2Session[]): Promise<void> {
  const moved = () => sessions.reduce((sum, { socket }) => sum + socket.bytesWritten + socket.bytesRead, 0)
  let before = moved()
  for (let quietLooks = 0; quietLooks < quietMs / lookEveryMs; ) {
    await sleep(lookEveryMs)
    const now = moved()
    quietLooks = now === before ? quietLooks + 1 : 0
    before = now
  }
}

/** Until all that was sent came back. @throws an Error when it does not */
async function untilEchoed(streams: readonly OpenStream[], bytes: number): Promise<void> {
  const missing = () => streams.filter(({ receivedBytes }) => receivedBytes < bytes).length
  for (const deadlineMs = performance.now() + echoTimeoutMs; missing() > 0; ) {
    if (performance.now() > deadlineMs) throw new Error(`${missing()} of ${streams.length} bodies did not come back`)
    await sleep(lookEveryMs)
  }
}
