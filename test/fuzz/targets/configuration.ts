import { deepEqual, ok } from 'node:assert/strict'
import { stringify } from 'yaml'
import { readConfiguration, type SchedulingConfiguration } from '../../../src/scheduling/configuration.ts'
import { ConfigurationError } from '../../../src/scheduling/configuration-error.ts'
import { createScheduler } from '../../../src/scheduling/scheduler.ts'
import { configurationContext } from '../../scheduling/configured.ts'
import { endpoints, schedulingRequest } from '../../scheduling/endpoints.ts'
import { publishedConfigurations } from '../../scheduling/published.ts'
import { mutateText } from '../mutate-text.ts'
import { type Random, seededRandom } from '../random.ts'
import { wordsOf, yamlFilesIn, yamlWords } from '../samples.ts'
import { defineTarget } from '../target.ts'

const samples = [
  ...yamlFilesIn('examples/scheduling').filter((text) => text.includes('kind: EndpointPickerConfig')),
  ...publishedConfigurations.map((value) => stringify(value)),
]
const words = [
  ...wordsOf(samples),
  ...yamlWords,
  'parameters:',
  'pluginRef:',
  'weight: -1',
  '4Gi',
  '10ms',
  '-5s',
  '1e400',
]

export const configuration = defineTarget<{ readonly text: string; readonly seed: number }>({
  name: 'configuration',
  promise: 'any EndpointPickerConfig loads and then decides, or its error names a place in each line',

  generate: (random) => ({
    text: mutateText(random.pick(samples), random, { words, others: samples, maxChars: 10_000 }),
    seed: random.below(2 ** 31),
  }),

  check({ text, seed }) {
    let loaded: SchedulingConfiguration
    try {
      loaded = readConfiguration(text, 'epp.yaml', configurationContext)
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error
      for (const line of error.message.split('\n')) ok(/^epp\.yaml:\d+:\d+(:| .+:) ./s.test(line), line)
      return
    }
    decide(loaded, seededRandom(seed))
  },
})

const numbers = [0, 0, 1, 7, 1e6, Number.MAX_VALUE]

/** Whatever the figures of the servers: those chosen are among them, each once. */
function decide(loaded: SchedulingConfiguration, random: Random): void {
  const scheduler = createScheduler(loaded, { keepsScores: true })
  const candidates = endpoints(
    ...Array.from({ length: random.below(5) }, () => ({
      queued: random.pick(numbers),
      running: random.pick(numbers),
      kvUsage: random.pick([0, 0.5, 1]),
      inFlight: random.pick([0, 1, 100]),
      labels: random.pick([{}, { 'llm-d.ai/role': 'prefill' }, { 'llm-d.ai/role': 'decode' }]),
      maxAdapters: random.pick([0, 4]),
      activeAdapters: new Set(random.pick([[], ['base'], ['x', 'y']])),
    })),
  )
  const request = schedulingRequest({
    priority: random.pick([0, -1, 10]),
    promptBytes: random.pick([0, 100, 1e9]),
    maxOutputTokens: random.pick([undefined, 0, 1e12]),
    isMultimodal: random.chance(0.2),
    header: () => random.pick([undefined, '', 'a', '10.0.0.1:8000', 'é'.repeat(300)]),
  })
  const draw = () => random.below(2 ** 30) / 2 ** 30
  const saturation = scheduler.saturation(candidates)
  ok(saturation >= 0 && !Number.isNaN(saturation), `saturation ${saturation}`)
  scheduler.refusal(request, candidates, saturation, draw)
  scheduler.fairnessIdOf(request)
  const scheduled = scheduler.schedule(request, candidates, draw)
  for (const endpoint of [...scheduled.endpoints, ...scheduled.helpers]) ok(candidates.includes(endpoint))
  deepEqual([...new Set(scheduled.endpoints)], scheduled.endpoints)
  for (const [address, score] of scheduled.scores) ok(Number.isFinite(score), `${address}: ${score}`)
  scheduler.routed(request, scheduled)
  scheduler.promptRead(request, scheduled)
  scheduler.responseStarted(request, scheduled)
  for (const endpoint of scheduled.endpoints) scheduler.responseHeaders(request, endpoint)
  scheduler.ended(request, scheduled, undefined)
}
