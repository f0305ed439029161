import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import { Client } from '../../src/demo/client.ts'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { GuardedProcess } from '../../src/demo/process.ts'
import { parseProgress, type RolloutProgress } from '../../src/rollout/progress.ts'
import { StateFile } from '../../src/rollout/state-file.ts'
import type { Injection } from '../../src/sim/faults.ts'

const binary = join(import.meta.dirname, '..', '..', 'bin', 'signalbox')

export const target = 'travel-helper-v2'
const resource = 'travel-helper'

export type RolloutStageOptions = {
  /** Path of the Envoy binary. */
  readonly envoy: string
  /** As in the annotation: `0.5% for 5m, 100%`. */
  readonly steps: string
  readonly limits?: string
  /** Of the simulated servers; they answer at once by default. */
  readonly latencyProfile?: 'instant' | '8b-h100'
}

/** A gateway with a real Envoy, simulated model servers, a rollout of one of their adapters, and what drives it. */
export class RolloutStage {
  readonly gateway: Gateway
  readonly stateFile: string
  readonly #driver: GuardedProcess
  readonly #client: Client

  private constructor(gateway: Gateway, stateFile: string) {
    this.gateway = gateway
    this.stateFile = stateFile
    this.#driver = new GuardedProcess({
      name: 'signalbox rollout drive',
      command: binary,
      args: [
        ...['rollout', 'drive', '-f', dirname(gateway.modelsFile), '--state', stateFile],
        ...['--replica', gateway.metricsUrl],
      ],
    })
    this.#client = new Client([...gateway.urls.values()][0])
  }

  static async start({ envoy, steps, limits, latencyProfile }: RolloutStageOptions): Promise<RolloutStage> {
    const gateway = await startGateway({
      envoy,
      modes: ['full-duplex'],
      showsAnswers: true,
      ...(latencyProfile && { latencyProfile }),
    })
    const { modelsFile } = gateway
    await writeFile(modelsFile, withRollout(await readFile(modelsFile, 'utf8'), steps, limits))
    await untilKnown(gateway.metricsUrl)
    return new RolloutStage(gateway, join(dirname(modelsFile), 'rollouts.yaml'))
  }

  /** What goes wrong with requests for the target. */
  setFaults(faults: readonly Injection[]): void {
    const injections = faults.map((fault) => ({ ...fault, model: target }))
    for (const server of this.gateway.servers) server.setFaults(injections)
  }

  /** How far it is; undefined before anything is stored. */
  async progress(): Promise<RolloutProgress | undefined> {
    const states = await new StateFile(this.stateFile).read()
    const text = states.get('default')?.data[`inferencemodel.${resource}`]
    return text === undefined ? undefined : parseProgress(text)
  }

  /** One request of a user; its status, 0 where there was none. */
  async ask(user: string): Promise<number> {
    const messages = [{ role: 'user', content: 'where shall we go?' }]
    const body = JSON.stringify({
      model: resource,
      user,
      stream: true,
      stream_options: { include_usage: true },
      messages,
    })
    try {
      return (await this.#client.send({ path: '/v1/chat/completions', body })).status
    } catch {
      return 0
    }
  }

  /** Users whose requests have come to a model server for the target. */
  exposedUsers(): ReadonlySet<string> {
    const entries = this.gateway.servers.flatMap(({ journal }) => journal.entries())
    const exposed = entries.filter(({ model }) => model === target)
    return new Set(exposed.map(({ body }) => (JSON.parse(body.toString()) as { user: string }).user))
  }

  async stop(): Promise<void> {
    this.#client.close()
    await this.#driver.stop()
    await this.gateway.stop()
  }
}

/** Until Signalbox has read the plan requests go by the weights of the example. */
async function untilKnown(metricsUrl: string): Promise<void> {
  const weight = new RegExp(`^signalbox_target_weight_ratio\\{.*target="${target}"\\} 0$`, 'm')
  while (!weight.test(await (await fetch(metricsUrl)).text())) await sleep(50)
}

/** examples/two-models/models.yaml with a plan for the new adapter, by the user. */
function withRollout(text: string, steps: string, limits: string | undefined): string {
  const documents = parseAllDocuments(text)
  const model = documents.find((document) => document.getIn(['metadata', 'name']) === resource)!
  const annotations = {
    'signalbox.dev/rollout-steps': steps,
    'signalbox.dev/rollout-target': target,
    'signalbox.dev/sticky-by': 'user',
    ...(limits !== undefined && { 'signalbox.dev/rollout-limits': limits }),
  }
  model.setIn(['metadata', 'annotations'], annotations)
  return documents.map(String).join('---\n')
}

/**
 * Requests of random users at a steady rate, whatever becomes of those before, until the signal is aborted.
 * @param random in [0, 1)
 * @returns how many had which status
 */
export async function steadyTraffic(
  stage: Pick<RolloutStage, 'ask'>,
  { perSecond, users }: { readonly perSecond: number; readonly users: number },
  random: () => number,
  signal: AbortSignal,
): Promise<ReadonlyMap<number, number>> {
  const statuses = new Map<number, number>()
  const underWay = new Set<Promise<void>>()
  const startMs = performance.now()
  let sent = 0
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      if (signal.aborted) {
        clearInterval(timer)
        return resolve()
      }
      const due = ((performance.now() - startMs) / 1000) * perSecond
      for (; sent < due; sent += 1) {
        const answer = stage.ask(`user-${Math.floor(random() * users)}`).then((status) => {
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
          underWay.delete(answer)
        })
        underWay.add(answer)
      }
    }, 5)
  })
  await Promise.all(underWay)
  return statuses
}
