import type { Any } from '@bufbuild/protobuf/wkt'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { Logger } from 'pino'
import { type DiscoveryRequest, type DiscoveryResponse, messages } from './messages.ts'

export type DiscoveryStream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>

/** What there is to tell of the resource with a name. Every name is known: an Envoy waits for one that is not. */
export type ResourceOf = (name: string) => Any

/**
 * One of Envoy's discovery services (xDS v3, state of the world): tells each Envoy the resources that it asks for, and again
 * when they change.
 */
export class Discovery {
  readonly #typeUrl: string
  readonly #log: Logger
  readonly #subscribers = new Set<Subscriber>()
  /** Undefined until there is something to tell: an Envoy must not take for empty what is only unread. */
  #resourceOf: ResourceOf | undefined
  /** What was told, by name, for the next one who asks: many clusters of many Envoys ask for the same pools. */
  readonly #made = new Map<string, Any>()
  #versions = 0
  #nonces = 0

  /** @param typeUrl of its resources */
  constructor(typeUrl: string, log: Logger) {
    this.#typeUrl = typeUrl
    this.#log = log
  }

  get streams(): number {
    return this.#subscribers.size
  }

  /** @param isChanged of a resource that was told before */
  update(resourceOf: ResourceOf, isChanged: (name: string) => boolean): void {
    const isFirst = this.#resourceOf === undefined
    this.#resourceOf = resourceOf
    this.#versions += 1
    const changed = new Set([...this.#made.keys()].filter(isChanged))
    const asked = new Set<string>()
    for (const subscriber of this.#subscribers) {
      for (const name of subscriber.names) {
        asked.add(name)
        if (isFirst || changed.has(name)) subscriber.due.add(name)
      }
    }
    for (const name of this.#made.keys()) {
      if (changed.has(name) || !asked.has(name)) this.#made.delete(name)
    }
    for (const subscriber of this.#subscribers) this.#flush(subscriber)
  }

  /** Serves a stream of requests and responses. */
  readonly stream = (call: DiscoveryStream): void => {
    const subscriber: Subscriber = { call, names: new Set(), due: new Set(), nonce: '', isBlocked: false }
    this.#subscribers.add(subscriber)
    const forget = () => this.#subscribers.delete(subscriber)
    call.on('data', (request: DiscoveryRequest) => this.#take(subscriber, request))
    call.on('drain', () => {
      subscriber.isBlocked = false
      this.#flush(subscriber)
    })
    call.on('cancelled', forget).on('error', forget)
    call.on('end', () => {
      forget()
      call.end()
    })
  }

  /** Ends all streams, so that Envoys go to another replica; they keep what they have. */
  close(): void {
    for (const { call } of this.#subscribers) call.end()
    this.#subscribers.clear()
  }

  #take(subscriber: Subscriber, { responseNonce, resourceNames, errorDetail }: DiscoveryRequest): void {
    // It answers an older response; what it says will come again with the answer to the last one.
    if (responseNonce !== '' && responseNonce !== subscriber.nonce) return
    if (errorDetail !== undefined) {
      this.#log.error({ cause: errorDetail.message, resources: resourceNames }, 'Envoy refuses what it was told')
    }
    const added = resourceNames.filter((name) => !subscriber.names.has(name))
    subscriber.names = new Set(resourceNames)
    for (const name of added) subscriber.due.add(name)
    this.#flush(subscriber)
  }

  #flush(subscriber: Subscriber): void {
    const { call, due, names } = subscriber
    const told = [...due].filter((name) => names.has(name))
    if (this.#resourceOf === undefined || subscriber.isBlocked || told.length === 0) return
    due.clear()
    this.#nonces += 1
    subscriber.nonce = String(this.#nonces)
    const response = messages.discoveryResponse.from({
      version_info: String(this.#versions),
      type_url: this.#typeUrl,
      nonce: subscriber.nonce,
    })
    response.resources = told.map((name) => this.#resource(name))
    subscriber.isBlocked = !call.write(response)
  }

  #resource(name: string): Any {
    let resource = this.#made.get(name)
    if (resource === undefined) {
      resource = this.#resourceOf!(name)
      this.#made.set(name, resource)
    }
    return resource
  }
}

type Subscriber = {
  readonly call: DiscoveryStream
  names: ReadonlySet<string>
  /** Names that have news. */
  readonly due: Set<string>
  /** Of the last response. */
  nonce: string
  /** It reads more slowly than there is news; what is due waits, and is told once. */
  isBlocked: boolean
}
