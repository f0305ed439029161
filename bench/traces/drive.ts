import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { busyShare, cpuTimes } from '../../src/demo/cpu-times.ts'
import { percentile } from '../statistics.ts'
import { requestBody, type Trace, type TraceRequest } from './trace.ts'

/** What the measured requests of a trace met with. */
export type TraceResult = {
  /** From when each was due to its first token, of those that succeeded. */
  readonly firstTokensMs: readonly number[]
  readonly promptTokens: number
  readonly cachedTokens: number
  /** `HTTP 503` or the error's text → requests that failed by it, those of the warm-up among them. */
  readonly failures: Readonly<Record<string, number>>
  /** 99 of 100 requests were sent within so many milliseconds of when they were due. */
  readonly lateMs: number
  /** Share of all cores that was busy, 0 to 1: with much of it, the times are the machine's and not the servers'. */
  readonly machineBusy: number
}

const answerTimeoutMs = 60_000

type Answer = { firstTokenMs: number; promptTokens: number; cachedTokens: number }

/** Sends each request at its time, whether or not earlier ones were answered, and waits for the last answer. */
export async function driveTrace(url: string, trace: Trace, warmUpMs: number): Promise<TraceResult> {
  const agent = new Agent({ keepAlive: true })
  const firstTokensMs: number[] = []
  const latenessMs: number[] = []
  const failures: Record<string, number> = {}
  let promptTokens = 0
  let cachedTokens = 0
  const before = cpuTimes()
  const startMs = performance.now()

  const work = async (each: TraceRequest) => {
    const dueMs = startMs + each.atMs
    try {
      const answer = await ask(agent, url, requestBody(trace, each))
      if (each.atMs < warmUpMs) return
      firstTokensMs.push(answer.firstTokenMs - dueMs)
      promptTokens += answer.promptTokens
      cachedTokens += answer.cachedTokens
    } catch (error) {
      const { message } = error as Error
      failures[message] = (failures[message] ?? 0) + 1
    }
  }
  const answers: Promise<void>[] = []
  for (const each of trace.requests) {
    const waitMs = startMs + each.atMs - performance.now()
    if (waitMs > 0) await sleep(waitMs)
    latenessMs.push(performance.now() - startMs - each.atMs)
    answers.push(work(each))
  }
  await Promise.all(answers)
  agent.destroy()
  return {
    firstTokensMs,
    promptTokens,
    cachedTokens,
    failures,
    lateMs: percentile(latenessMs, 99),
    machineBusy: busyShare(before, cpuTimes()),
  }
}

/** Rejects with what went wrong when the answer is anything but a whole stream with tokens and usage. */
function ask(agent: Agent, url: string, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const post = request(new URL('/v1/chat/completions', url), {
      agent,
      method: 'POST',
      headers,
      timeout: answerTimeoutMs,
    })
    post.on('timeout', () => post.destroy(new Error(`silent for ${answerTimeoutMs / 1000} s`)))
    post.on('error', reject)
    post.on('response', (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        reject(new Error(`HTTP ${response.statusCode}`))
        return
      }
      readAnswer(response).then(resolve, reject)
    })
    post.end(body)
  })
}

type ChatEvent = {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[]
  readonly usage?: {
    readonly prompt_tokens: number
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null
  } | null
}

/** Reads an event stream to its end. The first event with text is the first token: one with the role alone comes before it. */
export async function readAnswer(response: AsyncIterable<Buffer> | IncomingMessage): Promise<Answer> {
  let firstTokenMs: number | undefined
  let usage: ChatEvent['usage']
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response) {
    text += decoder.decode(chunk, { stream: true })
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      if (!event.startsWith('data: {')) continue
      const { choices, usage: told }: ChatEvent = JSON.parse(event.slice('data: '.length))
      if (choices?.[0]?.delta?.content) firstTokenMs ??= performance.now()
      usage = told ?? usage
    }
  }
  if (firstTokenMs === undefined) throw new Error('an answer without tokens')
  if (!usage) throw new Error('an answer without usage')
  return {
    firstTokenMs,
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
  }
}
