import type { Finding } from '../preflight/finding.ts'

/**
 * What one request goes through, stage by stage, as the stages told it: plain data, the same from `signalbox explain -o json`,
 * from `POST /explain`, and in the list of the last decisions. What is not known is left out. It has no prompt, and of headers
 * the values of those alone that Signalbox sets.
 */
export type Explanation = {
  /** When it was decided: ISO 8601, UTC. */
  readonly at: string
  readonly outcome: Outcome
  /** One line for people: what becomes of the request, and why. */
  readonly summary: string
  readonly request: ExplainedRequest
  readonly body: ExplainedBody
  readonly model?: ExplainedModel
  readonly pool?: ExplainedPool
  readonly priority?: ExplainedPriority
  readonly admission?: ExplainedAdmission
  /** Of the pool, those that were picked first, then by score; {@link endpointCount} says how many there are. */
  readonly endpoints: readonly ExplainedEndpoint[]
  /** Endpoints of the pool, of which a list of the last decisions keeps the first ones. */
  readonly endpointCount: number
  /** Each profile that was run, in order. With disaggregation there are several. */
  readonly profiles: readonly ExplainedProfile[]
  /** Absent when nothing was sent on: see {@link answer}. */
  readonly sent?: ExplainedHeaders
  /** What the client gets instead of the answer of a model server. */
  readonly answer?: ExplainedAnswer
  /** Absent where no HTTPRoutes are known. */
  readonly route?: ExplainedRoute
  /** Models that are served here, with names like the one that was asked for and is not. */
  readonly nearNames: readonly string[]
  /** What it must be read with, such as that endpoints were not scraped. */
  readonly notes: readonly string[]
  /** What is wrong and what to do about it, the most important first. */
  readonly findings: readonly ExplainedFinding[]
}

/**
 * `endpoint`: goes to an endpoint that was picked. `route`: goes on without one, and Envoy's routes decide. `waits`: would wait in the
 * queue; what it would get at this moment is told. `refused`: the client gets an error. `answered`: Signalbox answers by itself.
 * `unmatched`: no HTTPRoute takes the request, so that Envoy answers 404.
 */
export type Outcome = 'endpoint' | 'route' | 'waits' | 'refused' | 'answered' | 'unmatched'

export type ExplainedRequest = {
  readonly method?: string
  /** Without its query. */
  readonly path?: string
  readonly host?: string
  readonly contentType?: string
  /** Content-Length, bytes. */
  readonly declaredBytes?: number
  /** `namespace/name` from the gRPC metadata x-inference-pool. */
  readonly poolHint?: string
  /** The endpoints that the proxy allows, `ip` or `ip:port`; absent allows all. */
  readonly subset?: readonly string[]
  /** Names of headers that only Signalbox and Envoy may set, and that the client has sent: they do not count. */
  readonly spoofedHeaders: readonly string[]
  /** Headers by which the client asks for something, and their names alone where they are not trusted. */
  readonly hints: readonly { readonly name: string; readonly isTrusted: boolean }[]
}

export type ExplainedBody = {
  /** What it is read as. */
  readonly format: 'json' | 'multipart' | 'engine-grpc' | 'raw' | 'unsupported-encoding' | 'unsupported-method'
  /** What follows the headers: nothing, a body that is read, one that has to be decoded first, or one that is not read. */
  readonly kind: 'none' | 'plain' | 'compressed' | 'opaque'
  /** The path is one that models are asked by. */
  readonly isInference: boolean
  /** Bytes that had come when it was decided. */
  readonly bytesRead: number
  /** Of those, bytes that had to be held back until then. */
  readonly bytesHeld: number
  /** Decided while the body was still coming, with its end, or without it. */
  readonly decided: 'early' | 'at the end' | 'by the headers'
  /** Bytes of the prompt that had been read. */
  readonly promptBytes?: number
  readonly maxOutputTokens?: number
  /** Why it can't be read. */
  readonly error?: string
}

/** Where something is written: the resource, and `file:line:col` or the cluster's object. */
export type ExplainedSource = { readonly resource: string; readonly place?: string }

export type ExplainedModel = {
  /** As the client names it. */
  readonly asked: string
  /** What the model server is asked for. */
  readonly target: string
  /** What chose the target: a rule of an InferenceModel, an InferenceModelRewrite, a header of the client, or nothing. */
  readonly by: 'model' | 'rewrite' | 'header' | 'none'
  /** The resource that gave the target. */
  readonly source?: ExplainedSource
  /** All targets of that resource with their shares, 0 to 1. */
  readonly targets: readonly { readonly name: string; readonly share: number; readonly isChosen: boolean }[]
  /** What drew the target where there are several. */
  readonly drawnBy?: 'random' | 'sticky key' | 'the only one'
  /** What keeps users on one target: `user`, `header x-team`. `isGiven`: this request has it. */
  readonly stickyBy?: { readonly key: string; readonly isGiven: boolean }
  /** One of the targets is being rolled out: its share is not the resource's own. */
  readonly rollout?: { readonly target: string; readonly weightPercent: number; readonly phase?: string }
  /** Resources that claim the same name and do not count, with the reason. */
  readonly losers: readonly (ExplainedSource & { readonly why: string })[]
  /** Base model of an adapter, where a ConfigMap says so. */
  readonly baseModel?: string
}

export type ExplainedPool = ExplainedSource & {
  /** `namespace/name`. */
  readonly key: string
  readonly why: 'metadata' | 'model' | 'rewrite' | 'route' | 'only pool'
  /** Where several pools share the model: each with its share, 0 to 1. */
  readonly shares: readonly { readonly key: string; readonly share: number }[]
  /** Labels that an endpoint must have: `app=vllm`. */
  readonly selector: readonly string[]
  readonly targetPorts: readonly number[]
}

export type ExplainedPriority = {
  readonly value: number
  readonly why: 'objective' | 'criticality' | 'default'
  readonly source?: ExplainedSource
}

export type ExplainedAdmission = {
  readonly verdict: 'goes' | 'waits' | 'refused'
  /** How full the pool is: 1 is full. */
  readonly saturation: number
  /** Absent without flow control. */
  readonly queue?: { readonly requests: number; readonly bytes: number }
  /** For people. */
  readonly why: string
}

export type ExplainedEndpoint = {
  /** `ip:port`. */
  readonly address: string
  readonly name: string
  readonly namespace: string
  readonly isReachable: boolean
  /** Sent there by Signalbox and not ended. */
  readonly inFlight: number
  /** Absent when it has not been scraped. */
  readonly metrics?: {
    readonly queued: number
    readonly running: number
    /** 0 to 1. */
    readonly kvUsage: number
    /** Loaded and running requests, or waited for. */
    readonly adapters: readonly string[]
    /** 0 when the server says nothing of adapters. */
    readonly maxAdapters: number
    readonly ageMs: number
  }
  /** What it serves, as its GET /v1/models says; absent when it was not asked, or did not say. */
  readonly models?: readonly string[]
  /** The subset hint of the proxy leaves it out. */
  readonly isOutsideSubset: boolean
  /** Place in the header, from 1, of those that were picked. */
  readonly rank?: number
}

/** One way to choose, as it went. All lists of numbers are parallel to {@link scored}. */
export type ExplainedProfile = {
  readonly name: string
  /** Addresses that it began with. */
  readonly candidates: readonly string[]
  /** In order: what each has taken away. */
  readonly filters: readonly { readonly plugin: string; readonly removed: readonly string[] }[]
  /** Addresses that the filters left. */
  readonly scored: readonly string[]
  /** Raw scores, 0 to 1; each counts times `weight`. */
  readonly scorers: readonly { readonly plugin: string; readonly weight: number; readonly scores: readonly number[] }[]
  readonly totals: readonly number[]
  readonly picker: string
  /** Addresses, best first; none when no candidate was fit. */
  readonly picked: readonly string[]
}

export type ExplainedHeaders = {
  readonly set: readonly (readonly [name: string, value: string])[]
  readonly removed: readonly string[]
  /** Envoy chooses its route again. */
  readonly clearsRoute: boolean
  /** Dynamic metadata by namespace. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** The body goes on with another model in it. */
  readonly changesBody: boolean
}

export type ExplainedAnswer = {
  readonly status: number
  /** As metrics count it; absent for what is no error. */
  readonly code?: string
  readonly message: string
  /** `signalbox_<code>` in the access log of Envoy; absent when Envoy answers by itself. */
  readonly details?: string
}

export type ExplainedRoute = {
  /** What takes the request when it comes, before its body has been read. Absent: none does, and Envoy answers 404. */
  readonly first?: ExplainedRule
  /** What takes it with the headers that were set. Absent: none does, and Envoy answers 404. */
  readonly last?: ExplainedRule
  /** Rules that match in the end as well, and come after {@link last}. */
  readonly others: readonly ExplainedRule[]
  /** What could not be known, such as a match by a regular expression of another syntax. */
  readonly notes: readonly string[]
}

export type ExplainedRule = ExplainedSource & {
  /** Index of the rule in the HTTPRoute, from 0. */
  readonly rule: number
  /** What it matches, for people. */
  readonly matches: string
  readonly backends: readonly { readonly name: string; readonly weight: number }[]
}

/** The findings of `signalbox check` have the same shape. */
export type ExplainedFinding = Finding
