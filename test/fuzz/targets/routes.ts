import { deepEqual, equal, ok } from 'node:assert/strict'
import { parseAllDocuments } from 'yaml'
import { RouteCompiler } from '../../../src/routes/compile.ts'
import { explain } from '../../../src/routes/printing/explanation.ts'
import { printJson, printYaml } from '../../../src/routes/printing/print.ts'
import { inPrintOrder } from '../../../src/routes/printing/print-order.ts'
import { printTables } from '../../../src/routes/printing/table.ts'
import { readRouteSources } from '../../../src/routes/route-sources.ts'
import { readManifests } from '../../../src/sources/manifests.ts'
import { config, object } from '../../routes/any-object.ts'
import { mutateText } from '../mutate-text.ts'
import { seededRandom } from '../random.ts'
import { anyOf } from '../random-of.ts'
import { wordsOf, yamlFilesIn, yamlWords } from '../samples.ts'
import { defineTarget } from '../target.ts'

const samples = [
  ...yamlFilesIn('examples/routes'),
  ...yamlFilesIn('test/routes/golden/ome', /\.input\.yaml$/),
  ...yamlFilesIn('test/routes/golden/aim', /\.input\.yaml$/),
]
const words = [
  ...wordsOf(samples),
  ...yamlWords,
  '{{ .Name }}',
  '{{',
  '}}',
  '{.metadata.name}',
  '{',
  '90s',
  'x'.repeat(70),
]

export const routes = defineTarget<{ readonly text: string; readonly order: number }>({
  name: 'routes',
  promise: 'of any services routes are made or a reason is told; no object twice, each with an owner, printed as it is',

  generate(random) {
    const order = random.below(2 ** 31)
    if (random.chance(0.5))
      return { text: mutateText(random.pick(samples), random, { words, others: samples, maxChars: 10_000 }), order }
    const objects = Array.from({ length: 1 + random.below(4) }, () => anyOf(object, random))
    const items = random.chance(0.5) ? [...objects, anyOf(config, random)] : objects
    return { text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), order }
  },

  check({ text, order }) {
    const { resources } = readManifests('given.yaml', text)
    const random = seededRandom(order)
    const read = (given: typeof resources) =>
      readRouteSources(given, { namespace: 'ome', name: 'inferenceservice-config' })
    const compile = (given: typeof resources) => {
      const services = new RouteCompiler().compile(read(given).sources)
      const explanations = new Map(services.map((compiled) => [compiled, explain(compiled, () => 'here')]))
      return { objects: inPrintOrder(services), services, explanations }
    }
    const printout = compile(resources)
    for (const { problem, status, objects } of printout.services) {
      if (problem === undefined) continue
      equal(objects.length, 0, 'objects in spite of a problem')
      const told = status.conditions.some(
        ({ status, reason, message }) => status === 'False' && reason === problem.reason && message === problem.message,
      )
      ok(told, `not told: ${problem.reason}`)
    }
    const names = printout.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
    equal(new Set(names).size, names.length, 'an object twice')
    for (const { metadata } of printout.objects) equal(metadata.ownerReferences?.length, 1)

    const yaml = printYaml(printout)
    const { items } = JSON.parse(printJson(printout))
    deepEqual(
      parseAllDocuments(yaml, { version: random.pick(['1.1', '1.2']) }).map((document) => document.toJS()),
      items,
    )
    ok(!/[^\P{Cc}\n]/u.test(printTables(printout)), 'control characters in a table')
    // Of two of one name the first is read.
    if (read(resources).problems.length > 0) return
    const shuffled = resources.toSorted(() => random.below(3) - 1)
    equal(printYaml(compile(shuffled)), yaml)
  },
})
