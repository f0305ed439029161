import { isDeepStrictEqual } from 'node:util'
import type { KubeClient } from '../../kubernetes/client.ts'
import { kinds } from '../../kubernetes/kinds.ts'
import { type KubeObject, keyOf } from '../../kubernetes/object.ts'
import { Reflector, type ReflectorOptions } from '../../kubernetes/reflector.ts'
import type { EndpointSpec } from '../../pool/endpoint.ts'
import { readPod } from './pods.ts'

/** The ready Pods of a namespace, as they come and go. */
export class PodEndpoints {
  readonly reflector: Reflector
  readonly #onChanged: () => void
  /** By `namespace/name`. */
  readonly #specs = new Map<string, EndpointSpec>()

  /** @param onChanged is called when one has come, gone or changed */
  constructor(
    client: Pick<KubeClient, 'get' | 'watch'>,
    { namespace, clock, random }: Pick<ReflectorOptions, 'namespace' | 'clock' | 'random'>,
    onChanged: () => void,
    onState: () => void,
  ) {
    this.#onChanged = onChanged
    const set = (pod: KubeObject) => this.#set(keyOf(pod), readPod(pod))
    this.reflector = new Reflector(
      client,
      { kind: kinds.pod, namespace, clock, random },
      {
        onListed: (pods) => {
          const keys = new Set(pods.map(keyOf))
          for (const key of this.#specs.keys()) if (!keys.has(key)) this.#set(key, undefined)
          pods.forEach(set)
        },
        onChanged: set,
        onDeleted: (pod) => this.#set(keyOf(pod), undefined),
        onState,
      },
    )
    this.reflector.start()
  }

  get size(): number {
    return this.#specs.size
  }

  values(): Iterable<EndpointSpec> {
    return this.#specs.values()
  }

  /** Most writes to a Pod say nothing new of it as a model server. */
  #set(key: string, spec: EndpointSpec | undefined): void {
    if (isDeepStrictEqual(this.#specs.get(key), spec)) return
    if (spec === undefined) this.#specs.delete(key)
    else this.#specs.set(key, spec)
    this.#onChanged()
  }
}
