import { adapterLoads, failed, firstToken } from './measures.ts'
import { model, type Scenario } from './scenario.ts'
import { fewer } from './verdict.ts'
import { arrivals, chatBody, drawByRank, words } from './words.ts'

const adapters = Array.from({ length: 14 }, (_, i) => `adapter-${i + 1}`)

const p90 = firstToken(90)

export const lora: Scenario = {
  name: 'lora',
  title: 'Adapters stay loaded',
  summary: 'more LoRA adapters than slots: they stay where they are loaded',
  says:
    `${adapters.length} LoRA adapters, six servers with three slots each, and 600 ms to load one. ` +
    'Signalbox keeps the requests of an adapter together; round robin has every server load every adapter again and again.',
  fleet: {
    servers: 6,
    options: {
      model,
      adapters,
      maxLoras: 3,
      maxNumSeqs: 32,
      settings: {
        latency: { ttftMs: 30, promptTokenMs: 0.05, itlMs: 25, adapterLoadMs: 600, jitter: 0.1 },
        tokens: 100,
      },
    },
  },
  signalbox: { resources: () => [] },
  baseline: { kind: 'round robin', name: 'round robin' },
  warmUpMs: 12_000,
  patienceMs: 30_000,
  requests(lengthMs, random) {
    const draw = drawByRank(adapters.length, 0.7, random)
    const systems = adapters.map(() => words(200, random))
    return arrivals(() => 16, lengthMs, random).map((atMs) => {
      const adapter = draw()
      const question = words(30, random)
      return { atMs, body: () => chatBody(adapters[adapter], systems[adapter], question, 16) }
    })
  },
  incidents: [],
  series: [p90, adapterLoads],
  figures: [firstToken(50), p90, firstToken(99), adapterLoads, failed],
  judge: (measured) => fewer(p90, measured(p90), 1.5, 'faster'),
}
