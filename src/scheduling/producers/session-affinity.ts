import { z } from 'zod'
import type { Endpoint } from '../../pool/endpoint.ts'
import type { Plugin, PluginContext, Producer, SchedulingRequest } from '../plugin.ts'
import { headerName } from './header-name.ts'
import { SessionBindings } from './session-bindings.ts'

/** The usual producer of each attribute that says which session a request belongs to. */
const attributeProducers = { 'agent-identity': 'agent-identity', SessionIDDataKey: 'session-id-producer' } as const

type Attribute = keyof typeof attributeProducers

const source = z
  .strictObject({
    header: headerName.optional(),
    attribute: z.enum(Object.keys(attributeProducers) as [Attribute, ...Attribute[]]).optional(),
    /** The plugin that gives the attribute. */
    producer: z.string().optional(),
  })
  .refine(({ header, attribute }) => (header === undefined) !== (attribute === undefined), {
    error: 'needs either a header or an attribute',
  })

/** What the session affinity filter and scorer take. */
export const sessionAffinityParameters = z.strictObject({
  /** The client sends back what a response told it, or its own id for the session. */
  strategy: z.enum(['encoded_endpoint_header', 'session_id']).default('encoded_endpoint_header'),
  /** Keeps the session on the endpoint that this profile chose for it, rather than on the one that answers. */
  profileName: z.string().min(1).optional(),
  encodedEndpointHeaderConfig: z.strictObject({ header: headerName.default('x-session-token') }).prefault({}),
  sessionIdConfig: z
    .strictObject({
      /** The first that has an id counts. */
      sources: z
        .array(source)
        .min(1)
        .default([{ header: 'x-session-id' }]),
      /** A session that is not used for so long is forgotten. */
      evictionTtlSeconds: z.number().positive().default(300),
      /** For configurations of the reference endpoint picker; here nothing needs to be swept. */
      evictionSweepSeconds: z.number().positive().default(10),
    })
    .prefault({}),
})

export type SessionAffinity = Pick<Plugin, 'headerNames' | 'routed' | 'responseHeaders' | 'onLesson' | 'learn'> & {
  /** Where the request's session belongs among the candidates; -1 when it has none, or its endpoint is not there. */
  pinned(request: SchedulingRequest, candidates: readonly Endpoint[]): number
}

export function sessionAffinity(
  parameters: z.output<typeof sessionAffinityParameters>,
  context: PluginContext,
): SessionAffinity {
  switch (parameters.strategy) {
    case 'encoded_endpoint_header':
      return byToken(parameters.encodedEndpointHeaderConfig.header, parameters.profileName)
    case 'session_id':
      return byId(parameters.sessionIdConfig, parameters.profileName, context)
  }
}

/** Longer ones are no tokens: a namespace has up to 63 characters, a name up to 253. */
const maxTokenLength = 512

/** The token is the base64 of `namespace/name`, so that clients bring it back to any replica of this service. */
function byToken(header: string, profileName: string | undefined): SessionAffinity {
  const setHeaders = new WeakMap<Endpoint, { readonly name: string; readonly headers: readonly string[] }>()

  function headersFor(endpoint: Endpoint): readonly string[] {
    const made = setHeaders.get(endpoint)
    if (made?.name === endpoint.name) return made.headers
    const headers = [header, Buffer.from(`${endpoint.namespace}/${endpoint.name}`).toString('base64')]
    setHeaders.set(endpoint, { name: endpoint.name, headers })
    return headers
  }

  const pinned: SessionAffinity['pinned'] = (request, candidates) => {
    const token = request.header(header)
    if (token === undefined || token === '' || token.length > maxTokenLength) return -1
    const text = Buffer.from(token, 'base64').toString()
    const slash = text.indexOf('/')
    if (slash < 0) return -1
    const namespace = text.slice(0, slash)
    const name = text.slice(slash + 1)
    for (let i = 0; i < candidates.length; i += 1) {
      if (candidates[i].name === name && candidates[i].namespace === namespace) return i
    }
    return -1
  }

  if (profileName === undefined) {
    return { headerNames: [header], pinned, responseHeaders: (_request, endpoint) => headersFor(endpoint) }
  }
  const chosen = new WeakMap<SchedulingRequest, Endpoint>()
  return {
    headerNames: [header],
    pinned,
    routed(request, endpoint, profile) {
      if (profile === profileName) chosen.set(request, endpoint)
    },
    responseHeaders(request) {
      const endpoint = chosen.get(request)
      return endpoint === undefined ? [] : headersFor(endpoint)
    },
  }
}

/** Longer ids are no ids: clients could fill the memory with them. */
const maxIdLength = 256

/** What is told to others. */
type Bound = readonly [session: string, address: string]

type SessionIdConfig = z.output<typeof sessionAffinityParameters>['sessionIdConfig']

function byId(config: SessionIdConfig, profileName: string | undefined, context: PluginContext): SessionAffinity {
  const bindings = new SessionBindings(config.evictionTtlSeconds * 1000, context.nowMs)
  const sources = config.sources.map((source) => readerOf(source, context))

  /** Of one pool: the same id in another is another session. */
  function sessionOf(request: SchedulingRequest): string | undefined {
    for (const read of sources) {
      const id = read(request)
      if (id !== undefined && id !== '') return id.length > maxIdLength ? undefined : `${request.poolKey} ${id}`
    }
    return undefined
  }

  // The request that was looked for last, whose endpoint was not among the candidates.
  let missed: SchedulingRequest | undefined
  let tell: ((lesson: unknown) => void) | undefined
  return {
    headerNames: config.sources.flatMap(({ header }) => (header === undefined ? [] : [header])),
    pinned(request, candidates) {
      missed = undefined
      const session = sessionOf(request)
      const address = session === undefined ? undefined : bindings.addressOf(session)
      if (address === undefined) return -1
      for (let i = 0; i < candidates.length; i += 1) if (candidates[i].address === address) return i
      missed = request
      return -1
    },
    routed(request, endpoint, profile, isHelper) {
      if (profileName === undefined ? isHelper : profile !== profileName) return
      const session = sessionOf(request)
      if (session === undefined) return
      // A session that goes elsewhere once, because its endpoint is busy, comes back: there is its cache.
      const bound = bindings.addressOf(session)
      const mayBind = bound === undefined || bound === endpoint.address || missed === request
      missed = undefined
      if (!mayBind) return
      bindings.bind(session, endpoint.address)
      tell?.([session, endpoint.address] satisfies Bound)
    },
    onLesson(listener) {
      tell = listener
    },
    learn(lesson) {
      const [session, address] = lesson as Bound
      bindings.bind(session, address)
    },
  }
}

type Read = (request: SchedulingRequest) => string | undefined

type NamesSession = Producer & Required<Pick<Producer, 'requestText'>>

function readerOf({ header, attribute, producer }: SessionIdConfig['sources'][number], context: PluginContext): Read {
  if (header !== undefined) return (request) => request.header(header)
  const named = context.producer<NamesSession>(attributeProducers[attribute!], producer || undefined)
  return (request) => named.requestText(request)
}
