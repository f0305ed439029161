/** What it costs a request that some decisions are told in full, and what an explanation costs. */
import { bench, do_not_optimize, group, run, summary } from 'mitata'
import { completeDecision } from '../../src/explain/surroundings.ts'
import { chat, createStage, load, model, pool, server } from '../../test/explain/stage.ts'

const manifests = [pool('qwen-pool', 'qwen'), model('qwen', 'qwen-pool')]
const servers = Array.from({ length: 8 }, (_, i) => server(`qwen-${i}`, 'qwen', `10.0.0.${i}`))
const client = chat({ model: 'qwen', messages: [{ role: 'user', content: 'lorem ipsum dolor '.repeat(57) }] })

function stageWith(tells: boolean) {
  const decisions = {
    processes: 1,
    tell: (explanation: Parameters<typeof completeDecision>[0]) =>
      void do_not_optimize(completeDecision(explanation, stage.known)),
  }
  const stage = createStage({ manifests, servers, ...(tells ? { decisions } : {}) })
  for (const [i, endpoint] of stage.pools.endpointsOf('default/qwen-pool').entries()) load(endpoint, { queued: i })
  return stage
}

const silent = stageWith(false)
const telling = stageWith(true)

group('one exchange of 1 KB among 8 endpoints', () => {
  summary(() => {
    bench('nobody is told', () => silent.hold(client).close())
    bench('the last decisions are kept', () => telling.hold(client).close())
  })
})

bench('one explanation', async () => do_not_optimize(await silent.explain(client)))

await run()
process.exit()
