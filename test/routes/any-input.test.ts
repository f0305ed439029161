import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Resource } from '../../src/catalog/resource.ts'
import { RouteCompiler } from '../../src/routes/compile.ts'
import { explain } from '../../src/routes/printing/explanation.ts'
import { type Printout, printJson, printYaml } from '../../src/routes/printing/print.ts'
import { inPrintOrder } from '../../src/routes/printing/print-order.ts'
import { printTables } from '../../src/routes/printing/table.ts'
import { readRouteSources } from '../../src/routes/route-sources.ts'
import { config, object } from './any-object.ts'

function read(objects: readonly Record<string, unknown>[]) {
  const resources = objects.map((object): Resource => {
    const { apiVersion, kind } = object as { apiVersion: string; kind: string }
    return { apiVersion, kind, object, origin: { place: () => 'here' } }
  })
  return readRouteSources(resources, { namespace: 'ome', name: 'inferenceservice-config' })
}

/** What can be read of the objects, compiled and ready to print. */
function compile(objects: readonly Record<string, unknown>[]) {
  const services = new RouteCompiler().compile(read(objects).sources)
  const explanations = new Map(services.map((compiled) => [compiled, explain(compiled, () => 'here')]))
  return { objects: inPrintOrder(services), services, explanations } satisfies Printout
}

describe('whatever the services and their settings', () => {
  const input = fc.tuple(fc.array(object, { maxLength: 5 }), fc.option(config)).map(([objects, config]) => {
    return config === null ? objects : [...objects, config]
  })

  test('each is told in a condition what is wrong, and then nothing is made of it', () => {
    fc.assert(
      fc.property(input, (given) => {
        for (const { problem, status, objects } of compile(given).services) {
          if (problem === undefined) continue
          const { reason, message } = problem
          expect(status.conditions).toContainEqual(expect.objectContaining({ status: 'False', reason, message }))
          expect(objects).toEqual([])
        }
      }),
    )
  })

  test('no object is made twice, and every one has an owner', () => {
    fc.assert(
      fc.property(input, (given) => {
        const { objects } = compile(given)
        const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
        expect(new Set(names).size).toBe(names.length)
        for (const { metadata } of objects) expect(metadata.ownerReferences).toHaveLength(1)
      }),
    )
  })

  test('what is printed is what was made, to every reader', () => {
    fc.assert(
      fc.property(input, (given) => {
        const printout = compile(given)
        const { items } = JSON.parse(printJson(printout))
        for (const version of ['1.1', '1.2'] as const) {
          const documents = parseAllDocuments(printYaml(printout), { version })
          expect(documents.map((document) => document.toJS())).toEqual(items)
        }
        expect(printTables(printout)).not.toMatch(/[^\P{Cc}\n]/u)
      }),
    )
  })

  test('their order counts for nothing', () => {
    const shuffled = input.chain((given) =>
      fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })),
    )
    fc.assert(
      fc.property(shuffled, ([given, other]) => {
        // Of two of one name the first would be read.
        fc.pre(read(given).problems.length === 0)
        expect(printYaml(compile(other))).toBe(printYaml(compile(given)))
      }),
    )
  })
})
