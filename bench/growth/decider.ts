import { compileCatalog } from '../../src/catalog/compile.ts'
import type { Clock } from '../../src/clock.ts'
import { LivePools } from '../../src/pool/live-pools.ts'
import { Scraper } from '../../src/pool/scraper.ts'
import { admit } from '../../src/request/admit.ts'
import type { BodyReader } from '../../src/request/bodies/body-reader.ts'
import { createHeaderTable } from '../../src/request/control-headers.ts'
import { Flight } from '../../src/request/flight.ts'
import { InferenceRequest } from '../../src/request/inference-request.ts'
import { pick, type Scheduling } from '../../src/request/pick.ts'
import { lacksStickyKey, resolve } from '../../src/request/resolve.ts'
import { createDefaultConfiguration } from '../../src/scheduling/default-configuration.ts'
import { PromptHasher } from '../../src/scheduling/prefix/prompt-hasher.ts'
import { createScheduler } from '../../src/scheduling/scheduler.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { namesModel } from '../../src/telemetry/resource-names.ts'
import { seededRandom } from '../../test/scheduling/endpoints.ts'
import { clusterEndpoints, clusterResources, metricsOf, modelNameOf } from './cluster.ts'
import { type Size, smallest } from './size.ts'

/** What the default configuration scores endpoints by. */
export const scorers = 6

/** Requests that are under way at any moment. */
const requestsInFlight = 64
const promptBytes = 4_000
const prompts = 2_000
/** Pairs of a model and a prompt: as many at every size, as servers cache prompts for each model apart. */
const questions = 20_000

/** Time stands still for the scraper: nothing is fetched, and all timers stay as they are. */
const untouchedClock: Clock = { nowMs: () => performance.now(), epochMs: () => 0, after: () => () => {} }

/** Keeps endpoints, and fetches nothing of them. */
export const idleScraper = (): Scraper =>
  new Scraper({
    clock: untouchedClock,
    openSource: () => ({ fetch: () => Promise.reject(new Error('no network')), close: () => {} }),
    engineOf: () => {
      throw new Error('nothing is scraped')
    },
    onUnreachable: () => {},
    onReachable: () => {},
  })

/**
 * A cluster in memory. The function decides one request for a model drawn from all: lacksStickyKey, resolve, admit, pick with the default
 * configuration, metrics; and ends the request that began {@link requestsInFlight} before it.
 */
export function createDecider(size: Size): () => void {
  const random = seededRandom()
  const { catalog, problems } = compileCatalog(clusterResources(size))
  if (problems.length > 0) throw new Error(problems[0].message)
  const pools = new LivePools()
  const specs = clusterEndpoints(size)
  pools.update(catalog, specs)
  for (const [index, { address, port }] of specs.entries()) {
    pools.endpointAt(`${address}:${port}`)!.metrics = metricsOf(index, size)
  }
  const scraper = idleScraper()
  scraper.update(pools.members)
  const metrics = createMetrics(
    {
      openExchanges: () => 0,
      pools: () => [],
      resourceProblems: () => 0,
      namesModel: (name) => namesModel(catalog, name),
    },
    { emitsLlmdNames: false },
  )
  const configuration = createDefaultConfiguration({
    nowMs: untouchedClock.nowMs,
    staleAfterMs: (thresholdMs) => thresholdMs,
  })
  const timed = metrics.scheduling.timed(configuration)
  const scheduling: Scheduling = {
    endpointsOf(poolKey) {
      scraper.touch(poolKey)
      return pools.endpointsOf(poolKey)
    },
    endpointAt: (address) => pools.endpointAt(address),
    scheduler: metrics.scheduling.timedScheduler(
      createScheduler(timed, { keepsScores: false }),
      configuration.producers,
    ),
    keepsToSubset: true,
    released: () => {},
    spent: () => {},
  }
  const admission = { flowOf: () => undefined }
  const waiting = { admitted: () => {}, refused: () => {} }
  const observer = metrics.conversationObserver
  const table = createHeaderTable([...catalog.headerNames, ...scheduling.scheduler.headerNames])
  const readers = Array.from({ length: size.models }, (_, i) => readerOf(modelNameOf(i)))
  const hashers = hashedPrompts()
  const flights: Flight[] = []
  let turn = 0

  return () => {
    const request = new InferenceRequest(table, undefined, true)
    request.startedAtMs = untouchedClock.nowMs()
    const question = Math.floor(random() * questions)
    request.reader = readers[question % readers.length]
    request.prompt = hashers[Math.floor(question / smallest.models) % prompts]
    request.bodyBytes = promptBytes
    lacksStickyKey(catalog, request)
    const route = resolve(catalog, request, false, random)
    if ('code' in route) throw new Error(route.message)
    request.take(route)
    if (admit(admission, scheduling, request, waiting, random) !== undefined) throw new Error('not admitted')
    const scheduled = pick(scheduling, request, route, random)
    if ('code' in scheduled) throw new Error(scheduled.message)
    request.decidedAtMs = untouchedClock.nowMs()
    const flight = new Flight(scheduling, request, scheduled, true)
    observer.decided(request, route, flight, 0)

    const place = turn++ % requestsInFlight
    const ending = flights[place]
    flights[place] = flight
    if (ending === undefined) return
    ending.end(undefined)
    observer.ended(ending.request, ending, undefined)
  }
}

/** A body that has been read: how it is scanned does not depend on the cluster. */
function readerOf(model: string): BodyReader {
  return {
    push: () => {},
    end: () => {},
    error: undefined,
    isComplete: true,
    model,
    user: undefined,
    stream: true,
    maxTokens: undefined,
    promptStart: 0,
    promptEnd: promptBytes,
    modelSpans: [],
  }
}

function hashedPrompts(): PromptHasher[] {
  return Array.from({ length: prompts }, (_, i) => {
    const hasher = new PromptHasher()
    hasher.push(Buffer.from(`${i} and so on. `.repeat(promptBytes).slice(0, promptBytes)), 0, promptBytes)
    return hasher
  })
}
