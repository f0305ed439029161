import { defaultLimits } from '../../src/rollout/limits.ts'
import { rolloutAnnotations } from '../../src/rollout/plan.ts'

export type NamedSetting = {
  readonly name: string
  /** The kinds that may bear it. */
  readonly on: string
  readonly values: string
  readonly meaning: string
}

const targets = 'InferenceModel, InferenceModelRewrite'
const services = 'InferenceService (OME), AIMService (AIM Engine)'
const { errorPoints, ttftP90Ratio, tokensPerSecondRatio, samples } = defaultLimits

const rollout: Readonly<Record<keyof typeof rolloutAnnotations, Pick<NamedSetting, 'values' | 'meaning'>>> = {
  steps: {
    values: '`0.5% for 5m, 5% for 10m, 100%`',
    meaning: 'the weights of the new target, rising; the last may lack its time',
  },
  target: { values: 'name of a target model', meaning: 'the new one; without it the last that is listed' },
  limits: {
    values: `\`errors=+${errorPoints}%, ttft-p90=${ttftP90Ratio}x, tokens-per-second=${tokensPerSecondRatio}x, samples=${samples}\``,
    meaning: 'how much worse than the stable targets it may be; these are the defaults',
  },
  state: {
    values: '`paused`, `aborted`',
    meaning: 'it stays where it is, or gets nothing; without it the rollout runs',
  },
  restartedAt: { values: 'any text, a time', meaning: 'another text than before begins the rollout anew' },
}

/** Annotations and labels that are read, but for those of other projects' services. */
export const namedSettings: readonly NamedSetting[] = [
  {
    name: 'signalbox.dev/sticky-by',
    on: targets,
    values: '`user`, `header/NAME`, `api-key`, `prompt-cache-key`',
    meaning: 'who always gets the same target; without it each request is drawn',
  },
  ...Object.entries(rolloutAnnotations).map(([key, name]) => ({
    name,
    on: targets,
    ...rollout[key as keyof typeof rolloutAnnotations],
  })),
  {
    name: 'signalbox.dev/rollouts',
    on: 'ConfigMap (label)',
    values: '`"true"`',
    meaning: 'it has the states of rollouts, written by who drives them',
  },
  {
    name: 'inference.networking.k8s.io/bbr-managed',
    on: 'ConfigMap (label)',
    values: '`"true"`',
    meaning: 'it has a base model and its adapters',
  },
  {
    name: 'inference.llm-d.ai/ipp-managed',
    on: 'ConfigMap (label)',
    values: '`"true"`',
    meaning: 'the same, under the name that llm-d has for it',
  },
  {
    name: 'llm-d.ai/active-ports',
    on: 'Pod',
    values: 'ports, `8000,8001`',
    meaning: "of the pool's target ports only these are in use there",
  },
  {
    name: 'inference.networking.k8s.io/active-ports',
    on: 'Pod',
    values: 'the same',
    meaning: 'the same, under its older name',
  },
  {
    name: 'signalbox.dev/model-name',
    on: services,
    values: 'name of a model',
    meaning: 'what clients ask for the model by',
  },
  {
    name: 'signalbox.dev/model-routing',
    on: services,
    values: '`true`',
    meaning: 'one more HTTPRoute leads requests for the model there, whatever their path',
  },
  {
    name: 'signalbox.dev/auth',
    on: 'InferenceService (OME)',
    values: '`apikey`, `basic`',
    meaning: 'clients have to show a key or a password',
  },
  {
    name: 'signalbox.dev/auth-secret',
    on: 'InferenceService (OME)',
    values: 'name of a Secret',
    meaning: 'where those are',
  },
]
