import { rolloutAnnotations } from '../../rollout/plan.ts'
import { failed, firstToken, type Measure, share } from './measures.ts'
import { model, type Picker, poolRef, rolledBackText, type Scenario, userHeader } from './scenario.ts'
import { fewer } from './verdict.ts'
import { arrivals, chatBody, words } from './words.ts'

const asked = 'travel-helper'
const stable = 'travel-helper-v1'
const broken = 'travel-helper-v2'

const users = 400
const requestsPerSecond = 50
const failingShare = 0.75
/** Weight of the new version where people set it by hand. */
const handPercent = 10
const stepsPercent = [2, 10, 25, 50]

const exposed: Measure = {
  name: 'users who met the new version',
  unit: '%',
  of: ({ after }) => (100 * (after.usersOf.get(broken) ?? 0)) / users,
}

const failedShare = share('failure rate', 'failed')

export const canary: Scenario = {
  name: 'canary',
  title: 'A bad new version takes itself back',
  summary: 'a new version that fails is rolled back by itself, at once',
  says:
    `A new version of an adapter fails three of four requests. Signalbox begins with ${stepsPercent[0]} % of the users, compares, ` +
    `and takes it back by itself; beside it someone has set ${handPercent} % by hand and will look in a minute.`,
  fleet: {
    servers: 4,
    options: {
      model,
      adapters: [stable, broken],
      settings: {
        latency: { ttftMs: 40, itlMs: 20, jitter: 0.2 },
        tokens: 100,
        faults: [{ kind: 'status', code: 500, rate: failingShare, model: broken }],
      },
    },
  },
  signalbox: { resources: (lengthMs) => [travelHelper(1, rolloutPlan(lengthMs))], drivesRollouts: true },
  baseline: {
    kind: 'picker',
    name: `${handPercent} % by hand`,
    picker: { resources: () => [travelHelper(handPercent, {})], drivesRollouts: false } satisfies Picker,
  },
  warmUpMs: 0,
  patienceMs: 30_000,
  requests: (lengthMs, random) =>
    arrivals(() => requestsPerSecond, lengthMs, random).map((atMs) => {
      const question = words(30, random)
      const headers = { [userHeader]: `user-${Math.floor(random() * users)}` }
      return { atMs, headers, body: () => chatBody(asked, undefined, question, 8) }
    }),
  incidents: [],
  series: [exposed, failedShare],
  figures: [exposed, failed, failedShare, firstToken(90)],
  judge(measured, events) {
    const verdict = fewer(exposed, measured(exposed), 2, 'fewer')
    const rolledBack = events.find(({ text }) => text === rolledBackText)
    if (rolledBack === undefined) return { isKept: false, text: `${verdict.text} But it was not rolled back.` }
    return { ...verdict, text: `${verdict.text} It was rolled back by itself after ${rolledBack.atS} s.` }
  },
}

/** Steps that would be done in the length of the scenario if all went well. */
function rolloutPlan(lengthMs: number): Readonly<Record<string, string>> {
  const stepS = Math.max(1, Math.floor(lengthMs / 1000 / (stepsPercent.length + 1)))
  return {
    [rolloutAnnotations.steps]: [...stepsPercent.map((percent) => `${percent}% for ${stepS}s`), '100%'].join(', '),
    [rolloutAnnotations.target]: broken,
  }
}

function travelHelper(brokenWeight: number, annotations: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModel',
    metadata: {
      name: asked,
      namespace: 'default',
      annotations: { 'signalbox.dev/sticky-by': `header/${userHeader}`, ...annotations },
    },
    spec: {
      modelName: asked,
      criticality: 'Standard',
      poolRef,
      targetModels: [
        { name: stable, weight: 100 - brokenWeight },
        { name: broken, weight: brokenWeight },
      ],
    },
  }
}
