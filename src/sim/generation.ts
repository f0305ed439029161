import { type Answer, answerTokens } from './answer.ts'
import type { Exchange } from './context.ts'
import { Delivery, isDeliveryFault } from './delivery.ts'
import type { SseEvent } from './dialects/dialect.ts'
import { type Sequence, type Start, tokensMade } from './engine.ts'
import type { Inference } from './inference.ts'
import { firstTokenDelayMs, nextTokenDelayMs } from './latency.ts'
import type { FinishReason } from './metrics.ts'
import { promptBlocks } from './prompt-blocks.ts'
import { injectedStatus } from './refusal.ts'
import { sendJson, sendRefusal } from './reply.ts'
import { wait } from './wait.ts'

/** Runs an inference in the engine, in its time, and writes the answer. Rejects when the connection breaks meanwhile. */
export async function answerInference(exchange: Exchange, inference: Inference): Promise<void> {
  const { context, response, fault, signal } = exchange
  if (fault?.kind === 'status') {
    const headers = fault.retryAfterSeconds === undefined ? {} : { 'retry-after': fault.retryAfterSeconds }
    return sendRefusal(response, injectedStatus(fault.code), headers)
  }
  if (fault?.kind === 'abort' && fault.afterChunks === undefined) {
    response.destroy()
    return
  }

  const { clock, engine, metrics } = context
  const arrivedAtMs = clock.nowMs()
  const sequence: Sequence = {
    adapter: inference.adapter,
    promptTokens: inference.promptTokens,
    promptBlocks: blocksOf(exchange, inference),
    answerTokens: inference.answerTokens,
    pace: undefined,
  }
  let ending: FinishReason = 'abort'
  try {
    const start = await engine.enter(sequence, signal)
    if (fault?.kind === 'stall' && fault.afterChunks === undefined) {
      await wait(clock, fault.forMs ?? Number.POSITIVE_INFINITY, signal)
    }
    const answer = decideAnswer(exchange, inference, start)
    const events = inference.isStream ? inference.dialect.events?.(answer, inference.body) : undefined
    // The headers of a stream leave before its first token, as vLLM's do.
    if (events) response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).flushHeaders()
    await prefill(exchange, sequence, start)
    metrics.firstToken(sequence.promptTokens, start.cachedTokens, clock.nowMs() - arrivedAtMs)
    const isWhole = events
      ? await writeEvents(exchange, events)
      : await writeJson(exchange, inference.dialect.json(answer, inference.body), inference.answerTokens)
    if (isWhole) ending = inference.finish
  } finally {
    const nowMs = clock.nowMs()
    const tokens = ending === 'abort' ? tokensMade(sequence, nowMs) : sequence.answerTokens
    engine.leave(sequence)
    metrics.finished(ending, tokens, nowMs - arrivedAtMs)
  }
}

function blocksOf({ context }: Exchange, { dialect, body, adapter }: Inference): readonly number[] {
  const { hasPrefixCaching, engine } = context
  // Without an answer nothing is kept: vLLM runs embedding models without a KV cache.
  if (!hasPrefixCaching || dialect.events === undefined) return []
  return promptBlocks(body[dialect.promptField], adapter, engine.limits.kvBlockTokens, engine.limits.kvBlocks)
}

function decideAnswer({ context, entry }: Exchange, inference: Inference, { cachedTokens }: Start): Answer {
  return {
    id: `${context.name}-${entry.number}`,
    model: inference.model,
    createdS: Math.floor(context.clock.epochMs() / 1000),
    promptTokens: inference.promptTokens,
    cachedTokens,
    tokens: answerTokens(inference.model, context.name, inference.answerTokens),
    finish: inference.finish,
  }
}

/** The time until the first token, with that to load its adapter, and from there the pace of the others. */
async function prefill({ context, random, signal }: Exchange, sequence: Sequence, start: Start): Promise<void> {
  const { clock, engine, settings } = context
  const { latency } = settings
  const load = engine.load()
  const delayMs = firstTokenDelayMs(latency, sequence.promptTokens - start.cachedTokens, load, random)
  const firstTokenAtMs = Math.max(clock.nowMs(), start.adapterReadyAtMs) + delayMs
  sequence.pace = { firstTokenAtMs, itlMs: nextTokenDelayMs(latency, load, random) }
  await wait(clock, firstTokenAtMs - clock.nowMs(), signal)
}

/** @returns whether the stream reached its end. */
async function writeEvents(exchange: Exchange, events: Iterable<SseEvent>): Promise<boolean> {
  const { context, random, signal } = exchange
  const { clock, engine, settings } = context
  const delivery = new Delivery(exchange)
  let dueMs = clock.nowMs()
  for (const { text, isToken } of events) {
    if (isToken) {
      await wait(clock, dueMs - clock.nowMs(), signal)
      // Counted from when this token was due, not from now: timers are late, and that would add up.
      dueMs = Math.max(dueMs + nextTokenDelayMs(settings.latency, engine.load(), random), clock.nowMs())
    }
    if (!(await delivery.write(text))) return false
  }
  delivery.end()
  return true
}

/** @returns whether the answer reached its end. */
async function writeJson(exchange: Exchange, value: unknown, tokens: number): Promise<boolean> {
  const { context, response, fault, random, signal } = exchange
  const { clock, engine, settings } = context
  await wait(clock, Math.max(0, tokens - 1) * nextTokenDelayMs(settings.latency, engine.load(), random), signal)
  if (!isDeliveryFault(fault)) {
    sendJson(response, 200, value)
    return true
  }

  const bytes = Buffer.from(JSON.stringify(value))
  const middle = Math.ceil(bytes.length / 2)
  const delivery = new Delivery(exchange)
  response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
  for (const half of [bytes.subarray(0, middle), bytes.subarray(middle)]) {
    if (!(await delivery.write(half))) return false
  }
  delivery.end()
  return true
}
