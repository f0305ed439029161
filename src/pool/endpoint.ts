/** A model server as a source names it: one entry of an endpoints file, or a Pod. */
export type EndpointSpec = {
  readonly name: string
  readonly namespace: string
  /** IPv4 or IPv6 address, without brackets. */
  readonly address: string
  /** The server's port; undefined means each target port of the pool. */
  readonly port: number | undefined
  /** Of the pool's target ports only these; undefined means all. The annotation `llm-d.ai/active-ports` of a Pod. */
  readonly activePorts?: readonly number[] | undefined
  readonly labels: Readonly<Record<string, string>>
}

/** What the last scrape of an endpoint said. Replaced as a whole by each scrape, so a reader sees one moment. */
export type EndpointMetrics = {
  /** Requests waiting in the server's queue. */
  readonly queued: number
  /** Requests running on the server. */
  readonly running: number
  /** Share of the KV cache in use, 0 to 1. */
  readonly kvUsage: number
  /** Adapters that are loaded and running requests. */
  readonly activeAdapters: ReadonlySet<string>
  /** Adapters that requests wait for. */
  readonly waitingAdapters: ReadonlySet<string>
  /** Adapters that fit into the server at once; 0 when the server says nothing of adapters. */
  readonly maxAdapters: number
  /** Tokens in one block of the KV cache; 0 when the server does not say. */
  readonly blockTokens: number
  /** Blocks that the KV cache has; 0 when the server does not say. */
  readonly cacheBlocks: number
  /** Milliseconds of the injected clock; -Infinity before the first scrape that found anything. */
  readonly updatedAtMs: number
}

/** A model server with its live state. One object an address, shared by all pools that select it. */
export type Endpoint = {
  /** `ip:port` or `[ip]:port`: the value of x-gateway-destination-endpoint. */
  readonly address: string
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  metrics: EndpointMetrics
  /** False while its address refuses connections, as the scrapes see it. */
  isReachable: boolean
  /** Requests that this service, with all its workers, has sent there and that have not ended: fresher than any scrape. */
  inFlight: number
  /** The proxy tells no ends of answers: requests leave {@link inFlight} while the server still works for them. */
  endsUnseen: boolean
  /** Tokens of those requests, as far as they can be estimated. */
  inFlightTokens: number
}

/** Requests that a server works for, as far as is known: those of this service, or the last scrape's where it can't see their ends. */
export function activeRequests({ inFlight, endsUnseen, metrics }: Endpoint): number {
  return endsUnseen ? Math.max(inFlight, metrics.queued + metrics.running) : inFlight
}

export const unknownMetrics: EndpointMetrics = {
  queued: 0,
  running: 0,
  kvUsage: 0,
  activeAdapters: new Set(),
  waitingAdapters: new Set(),
  maxAdapters: 0,
  blockTokens: 0,
  cacheBlocks: 0,
  updatedAtMs: Number.NEGATIVE_INFINITY,
}
