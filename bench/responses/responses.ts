import { usageNamespace } from '../../src/response/usage-metadata.ts'
import type { Outcome } from '../e2e.ts'
import { type Goal, judge } from '../goal.ts'
import type { Server } from '../peers/server.ts'
import { cpuSeconds } from '../process-cpu.ts'
import { type LatencySummary, median, roundsInWords, summarizeLatencies } from '../statistics.ts'
import { type Cell, figure, type Table } from '../table.ts'
import { chatEvents, cutEverywhere, promptTokens } from './events.ts'
import { connectStreams, type ResponseStream } from './exchange.ts'
import { type ResponseMode, reportedNumbers, responseMessages } from './messages.ts'

/** How many times the CPU time a chunk of signalbox the reference has to need. */
const ratioGoal: Goal = { atLeast: 4 }
const connections = 2
const streams = 64
const quickShare = 0.25
const rounds = 5
/** Per stream: enough for half a second or so of CPU time. */
const chunksUnderLoad = 2000
const chunksAlone = 2000
/** Of the stream whose events are cut at every place. */
const cutEvents = 10_000

const shapes = [
  { label: 'usage in the last chunk', continuousUsage: false },
  { label: 'usage in every chunk', continuousUsage: true },
]

/** A server, and how the bodies of responses are sent to it. */
type Way = { readonly name: string; readonly server: Server; readonly mode: ResponseMode }

type Sample = LatencySummary & { readonly cpuMicros: number; readonly chunksPerSecond: number }

export type ResponsePlan = {
  readonly subject: Server
  /** What signalbox is compared with; undefined where it is not installed. */
  readonly reference: Server | undefined
  readonly quick: boolean
  readonly say: (line: string) => void
}

/** Measures what the chunks of streamed responses cost: the same load, interleaved (A B A B), the median of the rounds. */
export async function measureResponses(plan: ResponsePlan): Promise<Outcome> {
  const { quick, say } = plan
  const ways = waysOf(plan)
  const misses = await checkCutStream(plan)
  const rows: Cell[][] = []
  for (const { label, continuousUsage } of shapes) {
    const pieces = chatEvents(quick ? chunksUnderLoad * quickShare : chunksUnderLoad, continuousUsage)
    const samples = new Map<Way, Sample[]>(ways.map((way) => [way, []]))
    say(`response, ${label}: warming up`)
    for (const way of ways) await measureLoad(way, pieces)
    for (let round = 1; round <= (quick ? 1 : rounds); round++) {
      for (const way of ways) {
        const sample = { ...(await measureLoad(way, pieces)), ...(await measureAlone(way, continuousUsage)) }
        samples.get(way)!.push(sample)
        say(`response, ${label}: round ${round}, ${way.name}: ${figure(sample.cpuMicros)} µs of CPU a chunk`)
      }
    }
    rows.push(...wayRows(label, ways, samples, misses))
  }
  const table: Table = {
    title: 'Chunks of server-sent events',
    columns: ['events', 'server', 'CPU µs/chunk', '× signalbox', 'chunks/s', 'p50 µs', 'p99 µs'],
    rows,
    labelColumns: 2,
    note:
      `Server-sent events, one a chunk, on ${streams} streams over ${connections} connections, each sent when the one before ` +
      'has been answered. Streamed, Signalbox need not send back what it leaves as it is, and `signalbox check` says when that ' +
      'mode is enough; the reference works in full duplex only. Where nothing reads the answers, as by default, no chunk is sent ' +
      'to Signalbox at all. The latencies are those of one stream alone: from a chunk to its answer, the way ' +
      `there and back included. ${roundsInWords(quick ? 1 : rounds)}.`,
  }
  return { tables: [table], misses }
}

/** Signalbox in the cheapest mode that reads answers comes first: the others are compared with it. */
function waysOf({ subject, reference }: ResponsePlan): Way[] {
  const ways: Way[] = [
    { name: `${subject.name}, streamed`, server: subject, mode: 'STREAMED' },
    { name: `${subject.name}, full duplex`, server: subject, mode: 'FULL_DUPLEX_STREAMED' },
  ]
  if (reference !== undefined) {
    ways.push({ name: `${reference.name}, full duplex`, server: reference, mode: 'FULL_DUPLEX_STREAMED' })
  }
  return ways
}

/** A long stream, cut at every place in its events: each byte comes back, and signalbox tells what it used. */
async function checkCutStream({ subject, say }: ResponsePlan): Promise<string[]> {
  say(`${cutEvents} events cut at every place`)
  const pieces = cutEverywhere(chatEvents(cutEvents, true))
  const way: Way = { name: subject.name, server: subject, mode: 'FULL_DUPLEX_STREAMED' }
  const used = await withStreams(way, 1, async ([stream]) =>
    reportedNumbers(await stream.pass(responseMessages(pieces), pieces), usageNamespace),
  )
  const isRight = used?.prompt_tokens === promptTokens && used?.completion_tokens === cutEvents - 1
  return isRight ? [] : [`${cutEvents} events cut at every place: ${way.name} says ${JSON.stringify(used)} was used`]
}

async function measureLoad(way: Way, pieces: readonly Buffer[]) {
  const { pid } = way.server
  const messages = responseMessages(pieces)
  return withStreams(way, streams, async (opened) => {
    const cpuBefore = cpuSeconds([pid])
    const startedAt = performance.now()
    await Promise.all(opened.map((stream) => stream.pass(messages, pieces)))
    const seconds = (performance.now() - startedAt) / 1000
    const chunks = pieces.length * opened.length
    return {
      cpuMicros: ((cpuSeconds([pid]) - cpuBefore) * 1e6) / chunks,
      chunksPerSecond: chunks / seconds,
    }
  })
}

/** Milliseconds from a chunk to its answer, with no other load. */
async function measureAlone(way: Way, continuousUsage: boolean): Promise<LatencySummary> {
  const pieces = chatEvents(chunksAlone, continuousUsage)
  const latenciesMs: number[] = []
  await withStreams(way, 1, ([stream]) =>
    stream.pass(responseMessages(pieces), pieces, (milliseconds) => latenciesMs.push(milliseconds)),
  )
  return summarizeLatencies(latenciesMs)
}

/** Opens streams up to where their responses begin. */
async function withStreams<T>(
  { server, mode }: Way,
  count: number,
  work: (streams: readonly ResponseStream[]) => Promise<T>,
): Promise<T> {
  const opened = Array.from({ length: Math.min(connections, count) }, () => connectStreams(server.address))
  try {
    const begun = Array.from({ length: count }, (_, index) => opened[index % opened.length].open(mode))
    return await work(await Promise.all(begun))
  } finally {
    for (const connection of opened) connection.close()
  }
}

function wayRows(
  label: string,
  ways: readonly Way[],
  samples: ReadonlyMap<Way, readonly Sample[]>,
  misses: string[],
): Cell[][] {
  const [first] = ways
  return ways.map((way) => {
    const own = samples.get(way)!
    const of = (value: (sample: Sample) => number) => figure(median(own.map(value)))
    // Within a round, as what else the machine does changes from round to round.
    const ratio = median(own.map(({ cpuMicros }, round) => cpuMicros / samples.get(first)![round].cpuMicros))
    const goal = way.server === first.server ? undefined : ratioGoal
    return [
      label,
      way.name,
      of(({ cpuMicros }) => cpuMicros),
      judge(ratio, goal, `response, ${label}: CPU a chunk of ${way.name} to ${first.name}`, misses),
      of(({ chunksPerSecond }) => chunksPerSecond),
      of(({ p50Ms }) => p50Ms * 1000),
      of(({ p99Ms }) => p99Ms * 1000),
    ]
  })
}
