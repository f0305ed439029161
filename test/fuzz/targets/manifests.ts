import { deepEqual, equal, ok } from 'node:assert/strict'
import { compileCatalog } from '../../../src/catalog/compile.ts'
import { formatProblem } from '../../../src/catalog/problem.ts'
import { splitsOf } from '../../../src/catalog/splits.ts'
import { readEndpoints } from '../../../src/sources/endpoints.ts'
import { readManifests } from '../../../src/sources/manifests.ts'
import { mutateText } from '../mutate-text.ts'
import { wordsOf, yamlFilesIn, yamlWords } from '../samples.ts'
import { defineTarget } from '../target.ts'

const samples = [
  ...yamlFilesIn('examples/two-models'),
  ...yamlFilesIn('examples/scheduling', /^(replicas|objectives)\.yaml$/),
  ...yamlFilesIn('examples/traps'),
  ...yamlFilesIn('examples/rollout'),
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'llm-d.ai/v1alpha2',
        kind: 'InferenceModelRewrite',
        metadata: { name: 'r', annotations: { 'signalbox.dev/sticky-by': 'header/x-user' } },
        spec: {
          poolRef: { name: 'pool' },
          rules: [{ matches: [{ model: { value: 'a' } }], targets: [{ modelRewrite: 'b', weight: 3 }] }],
        },
      },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'm', labels: { 'inference.llm-d.ai/ipp-managed': 'true' } },
        data: { baseModel: 'a', adapters: '- b\n- c\n' },
      },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'signalbox-rollouts', labels: { 'signalbox.dev/rollouts': 'true' } },
        data: {
          'inferencemodel.trip-planner':
            '{"target": "travel-helper-v2", "weightPercent": 0.5, "phase": "Progressing", "step": 0}',
          'inferencemodelrewrite.deepseek-successor':
            '{"target": "deepseek-r1-0528", "weightPercent": 100, "phase": "Completed", "step": 3}',
        },
      },
    ],
  }),
]
const words = [...wordsOf(samples), ...yamlWords]

/** What is the same of two catalogs when it looks the same. */
const shown = (value: unknown) =>
  JSON.stringify(value, (_, part) => (part instanceof Map ? [...part] : part instanceof Set ? [...part] : part))

export const manifests = defineTarget<{ readonly text: string }>({
  name: 'manifests',
  promise: 'any text is read as resources or named as a problem with its place; what was valid before stays in use',

  generate: (random) => ({
    text: mutateText(random.pick(samples), random, { words, others: samples, maxChars: 10_000 }),
  }),

  check({ text }) {
    const { resources, endpointLists, problems } = readManifests('given.yaml', text)
    const lists = endpointLists.map((document) => readEndpoints(document, 'warning'))
    for (const { endpoints } of lists) {
      for (const [key, { name, namespace, port }] of endpoints ?? []) {
        equal(key, `${namespace}/${name}`)
        ok(port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536))
      }
    }
    const compiled = compileCatalog(resources)
    for (const problem of [...problems, ...compiled.problems, ...lists.flatMap(({ problems }) => problems)]) {
      ok(/^given\.yaml:\d+:\d+$/.test(problem.place), `no place: ${formatProblem(problem)}`)
      ok(problem.message !== '')
    }
    for (const { targets, totalWeight } of splitsOf(compiled.catalog)) {
      ok(totalWeight > 0 && targets.some(({ weight }) => weight > 0))
      ok(targets.every(({ weight }) => weight >= 0))
    }
    // Made again of the same, or with what is remembered, it is the same.
    const again = compileCatalog(resources, { previous: compiled })
    equal(shown(again.catalog), shown(compiled.catalog))
    deepEqual(again.problems.map(formatProblem), compiled.problems.map(formatProblem))
    const emptied = compileCatalog([], { previous: compiled })
    equal(emptied.catalog.pools.size, 0)
  },
})
