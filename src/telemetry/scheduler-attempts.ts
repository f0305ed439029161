import type { Endpoint } from '../pool/endpoint.ts'
import { type Family, labelsOf, type ScalarSample, scalarFamily } from './family.ts'
import { entryOf } from './series-index.ts'

type Count = { attempts: number }

/** Endpoints that requests were sent to, by target model, and the requests that none was found for. */
export class SchedulerAttempts {
  readonly #byEndpoint = new Map<Endpoint, Map<string, Count>>()
  readonly #failures = new Map<string, Count>()

  /** @param target with a place among the label's values */
  succeeded(endpoint: Endpoint, target: string): void {
    const counts = entryOf(this.#byEndpoint, endpoint, newCounts)
    entryOf(counts, target, newCount).attempts += 1
  }

  failed(target: string): void {
    entryOf(this.#failures, target, newCount).attempts += 1
  }

  /**
   * @param liveEndpoints undefined where nobody knows
   * @param endpointLabel of the endpoint's name: pod_name in the reference, endpoint_name in llm-d
   */
  family(name: string, endpointLabel: string, liveEndpoints: () => ReadonlySet<Endpoint> | undefined): Family {
    const labelNames = ['status', 'target_model_name', endpointLabel, 'namespace', 'port']
    const help = 'Requests for which an endpoint was looked for; status is success or failure.'
    return scalarFamily('counter', { name, help, labelNames }, () => this.#samples(labelNames, liveEndpoints()))
  }

  /** What each endpoint has got, of all models. */
  picksFamily(liveEndpoints: () => ReadonlySet<Endpoint> | undefined): Family {
    const labelNames = ['endpoint', 'address']
    const head = {
      name: 'signalbox_endpoint_requests_total',
      help: 'Requests sent to the endpoint.',
      labelNames,
    }
    return scalarFamily('counter', head, () => this.#picks(labelNames, liveEndpoints()))
  }

  *#picks(labelNames: readonly string[], live: ReadonlySet<Endpoint> | undefined): Generator<ScalarSample> {
    for (const [endpoint, counts] of this.#byEndpoint) {
      if (live?.has(endpoint) === false) continue
      let picks = 0
      for (const { attempts } of counts.values()) picks += attempts
      yield [labelsOf(labelNames, [endpoint.name, endpoint.address]), picks]
    }
  }

  /** An endpoint that is gone goes from the page too, or there would be ever more of them. */
  *#samples(labelNames: readonly string[], live: ReadonlySet<Endpoint> | undefined): Generator<ScalarSample> {
    for (const [endpoint, counts] of this.#byEndpoint) {
      if (live?.has(endpoint) === false) {
        this.#byEndpoint.delete(endpoint)
        continue
      }
      const port = endpoint.address.slice(endpoint.address.lastIndexOf(':') + 1)
      for (const [target, { attempts }] of counts) {
        yield [labelsOf(labelNames, ['success', target, endpoint.name, endpoint.namespace, port]), attempts]
      }
    }
    for (const [target, { attempts }] of this.#failures) {
      yield [labelsOf(labelNames, ['failure', target, '', '', '']), attempts]
    }
  }
}

const newCount = (): Count => ({ attempts: 0 })
const newCounts = (): Map<string, Count> => new Map()
