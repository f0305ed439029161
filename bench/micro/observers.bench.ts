/** What it costs a request to be told of: a whole exchange with metrics alone, with access lines, and with traces. */
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace'
import { bench, group, run, summary } from 'mitata'
import { systemClock } from '../../src/clock.ts'
import { Conversation } from '../../src/extproc/conversation.ts'
import type { ConversationContext } from '../../src/extproc/conversation-context.ts'
import { type HeaderValues, slot } from '../../src/extproc/headers.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { AccessLog } from '../../src/telemetry/access-log.ts'
import { observeEnds } from '../../src/telemetry/exchange-ends.ts'
import { LineWriter } from '../../src/telemetry/line-writer.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { type ExchangeObserver, joinObservers } from '../../src/telemetry/observers.ts'
import { Tracer } from '../../src/telemetry/tracer.ts'
import { catalog, createContext, createEndpoints } from './one-pool.ts'

const endpoints = createEndpoints(8)
const names = ['traceparent', 'tracestate', 'x-request-id']
const table = createHeaderTable(names)
const headers: HeaderValues = new Array(table.size).fill(undefined)
headers[slot.method] = 'POST'
headers[slot.path] = '/v1/chat/completions'
headers[slot.contentType] = 'application/json'
const withTrace = [...headers]
withTrace[table.slotOf('x-request-id')] = '3d5f1f64-90ab-4cde-8f01-234567890abc'
const body = Buffer.from(
  JSON.stringify({ model: 'qwen', messages: [{ role: 'user', content: 'lorem ipsum dolor '.repeat(57) }] }),
)
const answer: HeaderValues = []
answer[slot.status] = '200'
answer[slot.contentType] = 'text/event-stream'
const event = (data: object) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`)
const pieces = [
  event({ model: 'qwen', choices: [{ delta: { content: 'lorem' } }] }),
  event({ model: 'qwen', choices: [{ delta: { content: 'ipsum' } }] }),
  event({ choices: [], usage: { prompt_tokens: 256, completion_tokens: 2 } }),
  Buffer.from('data: [DONE]\n\n'),
]

/** One exchange with all that operators are told of it. */
function exchange(observers: readonly ExchangeObserver[], more: Partial<ConversationContext> = {}): () => void {
  const metrics = createMetrics(
    { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 },
    { emitsLlmdNames: false },
  )
  const observer = joinObservers({ ...metrics.conversationObserver, unroutable() {} }, observers)
  const context = { ...createContext(endpoints, observer, observers.length > 0), ...more }
  const routing = { catalog, table }
  const stream = { write() {}, run: (step: () => void) => step() }
  const sent = observers.length > 0 ? withTrace : headers
  return () => {
    const conversation = new Conversation(context, routing, undefined, stream as never)
    conversation.requestHeaders(sent, false)
    conversation.requestBody(body)
    conversation.requestBodyEnd(true)
    conversation.responseHeaders(answer, false)
    for (let i = 0; i < pieces.length; i += 1) {
      conversation.responseBody(pieces[i])
      conversation.responseBodyEnd(i === pieces.length - 1)
    }
    conversation.closed()
  }
}

function withAccessLines(share: number): () => void {
  // Each exchange has a second of its own: all lines are made that the share asks for.
  let nowMs = 0
  const clock = {
    ...systemClock,
    nowMs() {
      nowMs += 1000
      return nowMs
    },
  }
  const later = (_delayMs: number, run: () => void) => {
    setImmediate(run)
    return () => {}
  }
  const writer = new LineWriter({ write: (_text, done) => done() }, { after: later })
  const log = new AccessLog({ share, writer, clock, random: Math.random })
  return exchange([log.observer])
}

function withTraces(share: number): () => void {
  const exporter = {
    export: (_spans: unknown, done: (result: { code: number }) => void) => done({ code: 0 }),
    shutdown: async () => {},
  }
  const spans = new BatchSpanProcessor({ exporter })
  const tracer = new Tracer({
    sampler: share === 1 ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(share),
    ids: new RandomIdGenerator(),
    resource: resourceFromAttributes({}),
    clock: systemClock,
    export: (span) => spans.onEnd(span),
  })
  const observer = observeEnds(systemClock.nowMs, (ended) => tracer.end(ended))
  return exchange([observer], { beginTrace: (request) => void tracer.begin(request) })
}

const variants = {
  'metrics alone': exchange([]),
  'access lines of 1 %': withAccessLines(0.01),
  'access lines of all': withAccessLines(1),
  'traces, 1 % of them recorded': withTraces(0.01),
  'traces, all recorded, not sent': withTraces(1),
}

// In turn, so that none is measured while V8 still learns what all of them do.
for (let i = 0; i < 20_000; i += 1) for (const run of Object.values(variants)) run()

group('one exchange of 1 KB and three events', () => {
  summary(() => {
    for (const [name, run] of Object.entries(variants)) bench(name, run)
  })
})

await run()
process.exit()
