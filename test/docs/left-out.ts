type LeftOut = { readonly pattern: RegExp; readonly reason: string }

/** Commands that are not run. */
export const leftOut: readonly LeftOut[] = [
  { pattern: /^docker /, reason: 'there is no container engine; test/kube/image.test.ts builds the image' },
  { pattern: /^npm /, reason: 'a set-up, a demo or a test of its own, and what runs this test' },
  { pattern: /^NODE_ENV=production npm audit/, reason: 'advisories come from a registry' },
  { pattern: /^kubectl .*(logs|port-forward) /, reason: 'there is no kubelet' },
  {
    pattern: /^curl -si -H 'x-llm-d-inference-objective/,
    reason: 'the pool has to be full, as in test/e2e/queue.test.ts',
  },
  { pattern: /^helm upgrade RELEASE CHART /, reason: "the reference's chart is another project's" },
]

/** Blocks without a command that are no code: pictures, and outputs of what is left out. By document and first words. */
export const pictures: readonly (readonly [document: string, begin: string])[] = [
  ['README.md', '┌────────┐  headers, body chunks'],
  ['README.md', 'model           target'],
  ['README.md', 'full-duplex  B1'],
  // Of shows that take a minute each.
  ['docs/demo.md', ''],
  ['docs/install.md', '{"level":"info"'],
  ['docs/rollout.md', 'inferencemodel/trip-planner in default'],
  ['docs/telemetry.md', 'chat travel-helper           server'],
]
