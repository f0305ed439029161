import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { crc32 } from 'node:zlib'

/**
 * Model servers in a thread of their own that cost as little as can be and say what they got, so that a client sees whether its
 * request arrived byte for byte. As soon as they listen their ports are told to the main thread.
 */
const serverCount = 3

const events = 4
/** Between two events of a stream. */
const eventMs = 5

const metricsPage = 'vllm:num_requests_waiting 0\nvllm:num_requests_running 0\nvllm:kv_cache_usage_perc 0\n'
const modelMember = /"model" *: *"([^"]*)"/

function serve(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/metrics') return void response.end(metricsPage)
  let crc = 0
  let bytes = 0
  let head = ''
  let tail = ''
  request.on('data', (chunk: Buffer) => {
    crc = crc32(chunk, crc)
    bytes += chunk.length
    if (head === '') head = chunk.toString('latin1', 0, 1024)
    tail = chunk.toString('latin1', Math.max(0, chunk.length - 1024))
  })
  request.on('end', () => {
    const model = (modelMember.exec(head) ?? modelMember.exec(tail))?.[1]
    const isStream = head.includes('"stream":true')
    const answer = JSON.stringify({ model, servedModel: model, crc, bytes })
    if (isStream) stream(response, answer)
    else response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer)
  })
}

/** The answer comes in the first event. */
function stream(response: ServerResponse, answer: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${answer}\n\n`)
  let sent = 1
  const timer = setInterval(() => {
    if (sent++ < events) return void response.write('data: {"choices":[{"delta":{"content":"Mind the gap. "}}]}\n\n')
    clearInterval(timer)
    response.end('data: [DONE]\n\n')
  }, eventMs)
  response.on('close', () => clearInterval(timer))
}

const ports: number[] = []
for (let index = 0; index < serverCount; index++) {
  // Envoy keeps idle connections: one that the server closed first would fail a request now and then.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ports.push((server.address() as AddressInfo).port)
}
parentPort!.postMessage(ports)
