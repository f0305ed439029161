import { createHash } from 'node:crypto'
import { ApiError, type KubeClient } from '../kubernetes/client.ts'
import { collectionPath } from '../kubernetes/object.ts'
import type { ObjectEvent, Write } from './writer.ts'

const eventKind = { apiVersion: 'v1', kind: 'Event', plural: 'events' } as const

/** Events under way; what comes on top of that is not told. */
const maxUnderWay = 16
const maxMessageChars = 1024

/**
 * Tells people what has become of an object by its Events, as well as that can be done: an event that can't be written is no more than
 * counted. The same thing of the same occasion, in most cases a generation of the object, is told once, whoever tells it.
 */
export class Events {
  readonly #client: KubeClient
  readonly #component: string
  readonly #onResult: (result: 'written' | 'failed', message?: string) => void
  #underWay = 0

  constructor(
    client: KubeClient,
    component: string,
    onResult: (result: 'written' | 'failed', message?: string) => void,
  ) {
    this.#client = client
    this.#component = component
    this.#onResult = onResult
  }

  /** @param atMs since 1970 */
  tell({ object, events }: Write, atMs: number): void {
    for (const event of events) {
      if (this.#underWay >= maxUnderWay) return this.#onResult('failed', 'too many at once')
      this.#underWay += 1
      this.#create(object, event, atMs)
        .then(
          () => this.#onResult('written'),
          (error: Error) => {
            if (!(error instanceof ApiError && error.status === 409)) this.#onResult('failed', error.message)
          },
        )
        .finally(() => {
          this.#underWay -= 1
        })
    }
  }

  async #create({ apiVersion, kind, metadata }: Write['object'], event: ObjectEvent, atMs: number) {
    const { namespace, name, uid, generation, resourceVersion } = metadata
    const { level = 'Warning', reason, message, occasion = generation } = event
    const digest = createHash('sha256').update(`${uid} ${occasion} ${reason}`).digest('hex').slice(0, 16)
    const time = `${new Date(atMs).toISOString().slice(0, 19)}Z`
    await this.#client.create(collectionPath(eventKind, namespace), {
      apiVersion: eventKind.apiVersion,
      kind: eventKind.kind,
      metadata: { namespace, name: `${name.slice(0, 230)}.${digest}` },
      involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
      type: level,
      reason,
      message: message.slice(0, maxMessageChars),
      source: { component: this.#component },
      reportingComponent: this.#component,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    })
  }
}
