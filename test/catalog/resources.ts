import type { Problem } from '../../src/catalog/problem.ts'
import type { Resource } from '../../src/catalog/resource.ts'

export type Fields = Record<string, unknown>

/** A resource as a source gives it. Its places are its kind and name, so that tests see which resource is meant. */
export function resource(object: Fields): Resource {
  const { apiVersion, kind, metadata } = object as { apiVersion: string; kind: string; metadata?: { name?: string } }
  return { apiVersion, kind, object, origin: { place: () => `${kind} ${metadata?.name}` } }
}

export function poolV1(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: 'pool', ...metadata },
    spec: {
      selector: { matchLabels: { app: 'vllm' } },
      targetPorts: [{ number: 8000 }],
      endpointPickerRef: { name: 'picker', port: { number: 9002 } },
      ...spec,
    },
  }
}

export function poolV1alpha2(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferencePool',
    metadata: { name: 'pool', ...metadata },
    spec: { selector: { app: 'vllm' }, targetPortNumber: 8000, extensionRef: { name: 'picker' }, ...spec },
  }
}

export function model(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModel',
    metadata: { name: 'model', ...metadata },
    spec: { modelName: 'llama', poolRef: { name: 'pool' }, ...spec },
  }
}

/** The API groups that have InferenceObjective and InferenceModelRewrite. */
export const policyVersions = ['inference.networking.x-k8s.io/v1alpha2', 'llm-d.ai/v1alpha2']

export function objective(spec: Fields = {}, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'llm-d.ai/v1alpha2',
    kind: 'InferenceObjective',
    metadata: { name: 'objective', ...metadata },
    spec: { priority: 1, poolRef: { name: 'pool' }, ...spec },
  }
}

export function rewrite(rules: unknown, metadata: Fields = {}, spec: Fields = {}): Fields {
  return {
    apiVersion: 'llm-d.ai/v1alpha2',
    kind: 'InferenceModelRewrite',
    metadata: { name: 'rewrite', ...metadata },
    spec: { poolRef: { name: 'pool' }, rules, ...spec },
  }
}

/** A rule that makes `target` of these models; of every model when none is named. */
export function rewriteRule(target: string, ...models: readonly string[]): Fields {
  return { matches: models.map((value) => ({ model: { value } })), targets: [{ modelRewrite: target }] }
}

export function route(rules: unknown, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'route', ...metadata },
    spec: { rules },
  }
}

/** A rule that sends the requests for `modelName` to InferencePools by weight. */
export function rule(modelName: string, weights: Readonly<Record<string, number | undefined>>): Fields {
  return {
    matches: [{ headers: [{ name: 'X-Gateway-Model-Name', value: modelName }] }],
    backendRefs: Object.entries(weights).map(([name, weight]) => ({
      group: 'inference.networking.k8s.io',
      kind: 'InferencePool',
      name,
      ...(weight === undefined ? {} : { weight }),
    })),
  }
}

export function adapterMap(data: Fields, metadata: Fields = {}): Fields {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'adapters', labels: { 'inference.networking.k8s.io/bbr-managed': 'true' }, ...metadata },
    data,
  }
}

/** `spec.targetPorts[0].number: found 0, allowed: 1 to 65535`, with `warning ` in front of warnings. */
export function summarize(problems: readonly Problem[]): string[] {
  return problems.map(({ severity, path, message }) => `${severity === 'warning' ? 'warning ' : ''}${path}: ${message}`)
}
