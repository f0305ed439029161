import { failed, firstToken, share } from './measures.ts'
import { model, type Scenario } from './scenario.ts'
import { fewer } from './verdict.ts'
import { arrivals, chatBody, words } from './words.ts'

const patienceMs = 4000
const failedShare = share('failure rate', 'failed')

export const endpointLoss: Scenario = {
  name: 'endpoint-loss',
  title: 'A server stalls, then another one dies',
  summary: 'a server stalls, another one dies: few requests are lost',
  says:
    'One of six servers takes requests and says nothing any more, later another one dies. ' +
    `Signalbox sees what does not come back and goes elsewhere; round robin goes on sending. Clients give up after ${patienceMs / 1000} s.`,
  fleet: {
    servers: 6,
    options: { model, settings: { latency: { ttftMs: 40, itlMs: 25, jitter: 0.2 }, tokens: 100 } },
  },
  signalbox: { resources: () => [] },
  baseline: { kind: 'round robin', name: 'round robin' },
  warmUpMs: 0,
  patienceMs,
  requests: (lengthMs, random) =>
    arrivals(() => 20, lengthMs, random).map((atMs) => {
      const question = words(60, random)
      return { atMs, body: () => chatBody(model, undefined, question, 12) }
    }),
  incidents: [
    {
      atShare: 0.2,
      text: 'server 2 stalls',
      act: (servers) => servers[1].setFaults([{ kind: 'stall' }]),
    },
    { atShare: 0.6, text: 'server 5 dies', act: (servers) => servers[4].refuse() },
  ],
  series: [failedShare, firstToken(90)],
  figures: [failedShare, failed, firstToken(50), firstToken(90)],
  judge: (measured) => fewer(failed, measured(failed), 1.5, 'fewer'),
}
