import { failed, firstToken, fromCache } from './measures.ts'
import { model, type Scenario } from './scenario.ts'
import { fewer } from './verdict.ts'
import { arrivals, chatBody, drawByRank, words } from './words.ts'

const prefixes = 20
const prefixWords = 2400
/** Tokens of 4 characters in a prefix: 3,600. A server's cache holds five of them, six servers hold all of them. */
const cacheBlocks = 1150

const p90 = firstToken(90)

export const prefix: Scenario = {
  name: 'prefix',
  title: 'Shared prompts go where they are cached',
  summary: 'shared prompts go to the server that has them cached',
  says:
    `Chats begin with one of ${prefixes} long system prompts, and the cache of a server holds five. ` +
    'Signalbox sends each to a server that has its prompt cached; round robin sends all of them everywhere.',
  fleet: {
    servers: 6,
    options: {
      model,
      kvBlocks: cacheBlocks,
      settings: { latency: { ttftMs: 20, promptTokenMs: 0.1, itlMs: 15, jitter: 0.1 }, tokens: 100 },
    },
  },
  signalbox: { resources: () => [] },
  baseline: { kind: 'round robin', name: 'round robin' },
  warmUpMs: 12_000,
  patienceMs: 30_000,
  requests(lengthMs, random) {
    const systems = Array.from({ length: prefixes }, () => words(prefixWords, random))
    const draw = drawByRank(prefixes, 0.4, random)
    return arrivals(() => 16, lengthMs, random).map((atMs) => {
      const system = systems[draw()]
      const question = words(20, random)
      return { atMs, body: () => chatBody(model, system, question, 12) }
    })
  },
  incidents: [],
  series: [p90, fromCache],
  figures: [firstToken(50), p90, fromCache, failed],
  judge: (measured) => fewer(p90, measured(p90), 1.5, 'faster'),
}
