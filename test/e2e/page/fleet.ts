import { type Sim, startSim } from '../../../src/sim/sim.ts'
import { modelAlias, poolRef, type Scene, type SceneOptions, startScene } from '../scene.ts'

/** A service with its page: simulated servers whose answers Signalbox sees, and some models. */
export type Fleet = {
  readonly scene: Scene
  readonly servers: readonly Sim[]
  /** E.g. `http://127.0.0.1:9090/`. */
  readonly pageUrl: string
  stop(): Promise<void>
}

const canary = {
  apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
  kind: 'InferenceModel',
  metadata: {
    name: 'travel-helper',
    namespace: 'default',
    annotations: { 'signalbox.dev/sticky-by': 'user' },
  },
  spec: {
    modelName: 'travel-helper',
    criticality: 'Critical',
    poolRef,
    targetModels: [
      { name: 'travel-helper-v1', weight: 90 },
      { name: 'travel-helper-v2', weight: 10 },
    ],
  },
}

export type FleetOptions = Pick<SceneOptions, 'resources' | 'resourcesFolder' | 'serveFlags'> & {
  /** Of each server, of 16 tokens; few of them are soon in use. */
  readonly kvBlocks?: number
}

export async function startFleet(latency: 'instant' | '8b-h100', options: FleetOptions = {}): Promise<Fleet> {
  const { resources = [], resourcesFolder, serveFlags = [], kvBlocks } = options
  const servers = await Promise.all(
    ['qwen-0', 'qwen-1', 'qwen-2'].map((name) =>
      startSim({
        name,
        model: 'qwen',
        adapters: ['travel-helper-v1', 'travel-helper-v2'],
        settings: { latency: { profile: latency } },
        ...(kvBlocks !== undefined && { kvBlocks }),
      }),
    ),
  )
  const stopServers = () => Promise.all(servers.map((server) => server.close()))
  try {
    const scene = await startScene({
      servers: servers.map(({ port }, i) => ({ name: `qwen-${i}`, port })),
      resources: [modelAlias('assistant', 'qwen'), canary, ...resources],
      ...(resourcesFolder !== undefined && { resourcesFolder }),
      listeners: {
        only: { processingMode: { response_body_mode: 'STREAMED', response_trailer_mode: 'SKIP' } },
      },
      serveFlags: ['--admin-page', ...serveFlags],
    })
    const stop = async () => {
      await scene.stop()
      await stopServers()
    }
    return { scene, servers, pageUrl: new URL('/', scene.metricsUrl).href, stop }
  } catch (error) {
    await stopServers()
    throw error
  }
}

const models = ['qwen', 'assistant', 'travel-helper', 'writer', 'travel-helper', 'qwen']
const openings = ['Plan a trip by train', 'Explain a token ring', 'Write a limerick', 'Sum up this timetable']

/**
 * Sends streams, whatever comes back, until it is stopped.
 * @param perSecond how many at this moment
 */
export function startTraffic(scene: Scene, perSecond: () => number): () => void {
  let sent = 0
  let timer: NodeJS.Timeout
  const send = () => {
    timer = setTimeout(send, 1000 / perSecond())
    const i = sent++
    // One in five is new to all servers.
    const opening = i % 5 === 0 ? `Request ${i}` : openings[i % openings.length]
    const content = `${opening}: ${'all stations of the line, '.repeat(20)} ${i % 40}`
    const fields = { model: models[i % models.length], user: `user-${i % 500}`, stream: true, max_tokens: 12 }
    scene
      .chat({ ...fields, stream_options: { include_usage: true }, messages: [{ role: 'user', content }] })
      .catch(() => {})
  }
  send()
  return () => clearTimeout(timer)
}
