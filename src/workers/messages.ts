import type { ClientRequest } from '../explain/client-request.ts'
import type { Explanation } from '../explain/explanation.ts'
import type { CertificatePair } from '../extproc/tls.ts'
import type { EndpointMetrics } from '../pool/endpoint.ts'
import type { ServiceOptions } from '../service.ts'
import type { Snapshot } from '../sources/source.ts'

/** What is in flight to an endpoint. */
export type Load = {
  readonly requests: number
  /** As far as they can be estimated. */
  readonly tokens: number
  /** The proxy tells no ends of answers, see {@link Endpoint.endsUnseen}. */
  readonly endsUnseen: boolean
}

/** By the endpoint's address. */
export type LoadOf = readonly [address: string, load: Load]

/** What is known of an endpoint from its scrapes. */
export type ScrapeNews = {
  readonly address: string
  readonly isReachable: boolean
  readonly metrics: EndpointMetrics
  /** Of the metrics, milliseconds: the clocks of two processes begin at different moments. */
  readonly ageMs: number
}

/** What is new of endpoints; of those that are not named nothing is. */
export type EndpointNews = {
  readonly scrapes: readonly ScrapeNews[]
  /** What all other workers have in flight there. */
  readonly loads: readonly LoadOf[]
  /** See {@link Scraper.longestIntervalMs}. */
  readonly longestIntervalMs: number
  /** What other workers have learned of prompts and sessions, by the place of the plugin in the configuration. */
  readonly lessons: readonly Lessons[]
}

export type Lessons = readonly [plugin: number, lessons: readonly unknown[]]

/** Resources as they are now. */
export type SnapshotMessage = {
  /** Undefined where it is the one before: endpoints change far more often. */
  readonly catalog: Snapshot['catalog'] | undefined
  readonly endpoints: Snapshot['endpoints']
}

/** From the primary. They come in the order in which they were sent. */
export type ToWorker =
  /** The first one, once: what it needs to serve. */
  | {
      readonly kind: 'start'
      readonly options: ServiceOptions
      readonly workerName: string
      readonly logLevel: string
      readonly certificate: CertificatePair | undefined
      readonly snapshot: Snapshot
      readonly news: EndpointNews
      readonly isReady: boolean
    }
  | { readonly kind: 'certificate'; readonly pair: CertificatePair }
  | ({ readonly kind: 'snapshot' } & SnapshotMessage)
  | ({ readonly kind: 'news' } & EndpointNews)
  | { readonly kind: 'ready'; readonly isReady: boolean }
  /** Have clients open new connections, so that they are dealt out again. */
  | { readonly kind: 'renew' }
  /** Answered by {@link FromWorker} pages: of the families of these names, or of all. */
  | { readonly kind: 'collect'; readonly names: readonly string[] | undefined }
  /** Answered by a pong. */
  | { readonly kind: 'ping' }
  /** Answered by explained with the same id. */
  | { readonly kind: 'explain'; readonly id: number; readonly client: ClientRequest }
  /** Serve to the end and exit. */
  | { readonly kind: 'drain' }

/** What a worker tells of itself. */
export type WorkerReport = {
  /** Pools that requests have come for since the last report. */
  readonly touched: readonly string[]
  /** What it has in flight, where that has changed. */
  readonly loads: readonly LoadOf[]
  /** Whether `loads` are all that it has: the first report after a snapshot. What is not named is none. */
  readonly isWhole: boolean
  readonly lessons: readonly Lessons[]
}

export type FromWorker =
  | { readonly kind: 'serving'; readonly port: number }
  /** It can't serve, and ends. `syscall` is the one that failed, such as listen of a port that is taken. */
  | { readonly kind: 'failed'; readonly message: string; readonly syscall: string | undefined }
  | ({ readonly kind: 'report' } & WorkerReport)
  /** Whole lines of the metrics page; the last piece says so. */
  | { readonly kind: 'page'; readonly text: string; readonly isLast: boolean }
  | {
      readonly kind: 'explained'
      readonly id: number
      readonly explanation: Explanation | undefined
      /** Why there is none. */
      readonly failure: string | undefined
    }
  /** One of the last decisions, for people. */
  | { readonly kind: 'decision'; readonly explanation: Explanation }
  | { readonly kind: 'pong' }
