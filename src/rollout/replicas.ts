import { readFile } from 'node:fs/promises'
import { counted, readCounters, type Tallies, targetFamilies } from './replica-counters.ts'
import { addTally, emptyTally, type Tally } from './tally.ts'

/** A replica of `serve`. */
export type Replica = {
  /** Tells it apart from all others, also from one that had its name before. */
  readonly id: string
  /** For people. */
  readonly name: string
  /** Where its metrics are: `http://10.0.0.7:9090`. */
  readonly url: string
}

/** What all replicas have counted since the last look. */
export type Sight = {
  readonly tallies: Tallies
  /** Why not all replicas could be seen; undefined when all were. */
  readonly blindness: string | undefined
}

export const replicaLimits = {
  /** For the page of one replica. */
  timeoutMs: 2_000,
  /** Of one page: thousands of targets. */
  maxBytes: 16 * 2 ** 20,
  /** Replicas that are asked at the same time. */
  concurrency: 16,
} as const

/** Gives a page of metrics. @throws Error with a message for people */
export type FetchPage = (url: string) => Promise<Buffer>

const query = Object.values(targetFamilies)
  .map((name) => `name[]=${name}`)
  .join('&')

/** Sums the counters of the replicas, look by look. A replica that is seen for the first time gives the point to count from. */
export class Replicas {
  readonly #fetchPage: FetchPage
  /** By id: what each had counted when it was last seen. */
  #before = new Map<string, Tallies>()

  constructor(fetchPage: FetchPage) {
    this.#fetchPage = fetchPage
  }

  /** Nobody looks for a while, and what is counted meanwhile is none of anybody's step: begins to count anew. */
  forget(): void {
    this.#before.clear()
  }

  async look(replicas: readonly Replica[]): Promise<Sight> {
    if (replicas.length === 0) return { tallies: new Map(), blindness: 'no replica of signalbox serve is there' }
    const tallies = new Map<string, Map<string, Tally>>()
    const failures: string[] = []
    const now = new Map<string, Tallies>()
    const waiting = [...replicas]
    const lookAtEach = async () => {
      for (let replica = waiting.shift(); replica !== undefined; replica = waiting.shift()) {
        const before = this.#before.get(replica.id)
        try {
          const page = readCounters(await this.#fetchPage(`${replica.url}/metrics?${query}`))
          now.set(replica.id, page)
          if (before !== undefined) addCounted(tallies, before, page)
        } catch (error) {
          failures.push(`${replica.name}: ${(error as Error).message}`)
          // When it answers again, what it has counted meanwhile counts.
          if (before !== undefined) now.set(replica.id, before)
        }
      }
    }
    await Promise.all(Array.from({ length: replicaLimits.concurrency }, lookAtEach))
    this.#before = now
    return { tallies, blindness: failures.length === 0 ? undefined : blindnessText(failures.sort(), replicas.length) }
  }
}

const blindnessText = (failures: readonly string[], replicas: number): string =>
  `the metrics of ${failures.length} of ${replicas} replicas can not be read (${failures[0]})`

function addCounted(sums: Map<string, Map<string, Tally>>, before: Tallies, now: Tallies): void {
  for (const [resource, byTarget] of now) {
    const sum = sums.get(resource) ?? new Map<string, Tally>()
    sums.set(resource, sum)
    for (const [target, tally] of byTarget) {
      const since = counted(before.get(resource)?.get(target) ?? emptyTally, tally)
      sum.set(target, addTally(sum.get(target) ?? emptyTally, since))
    }
  }
}

/**
 * Gets pages by HTTP.
 * @param tokenFile a bearer token, read for each page as it may be exchanged; one that is not there is left out
 */
export function httpPages(tokenFile: string | undefined): FetchPage {
  return async (url) => {
    const token = tokenFile === undefined ? undefined : await readToken(tokenFile)
    const signal = AbortSignal.timeout(replicaLimits.timeoutMs)
    try {
      const response = await fetch(url, {
        signal,
        redirect: 'error',
        headers: token ? { authorization: `Bearer ${token}` } : {},
      })
      if (!response.ok) {
        await response.body?.cancel()
        throw new Error(statusText(response.status))
      }
      return await readAll(response)
    } catch (error) {
      if (signal.aborted) throw new Error(`no answer within ${replicaLimits.timeoutMs / 1000} s`)
      const { cause, message } = error as Error
      throw cause instanceof Error && cause.message !== '' ? cause : new Error(message)
    }
  }
}

const statusText = (status: number): string =>
  status === 401 || status === 403 ? `${status}: it does not accept the token` : `it answers ${status}`

async function readToken(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    return undefined
  }
}

async function readAll(response: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > replicaLimits.maxBytes) throw new Error(`its page is larger than ${replicaLimits.maxBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
