import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { annotationNames } from '../src/catalog/annotations.ts'
import { compileCatalog } from '../src/catalog/compile.ts'
import { define as defineCheck } from '../src/cli/check.ts'
import { define as defineController } from '../src/cli/controller.ts'
import { define as defineDemo } from '../src/cli/demo.ts'
import { define as defineExplain } from '../src/cli/explain.ts'
import { define as defineExtension } from '../src/cli/extension.ts'
import { define as defineRollout } from '../src/cli/rollout.ts'
import { define as defineRoutes } from '../src/cli/routes.ts'
import { define as defineServe } from '../src/cli/serve.ts'
import { define as defineSim } from '../src/cli/sim.ts'
import { readConfiguration } from '../src/scheduling/configuration.ts'
import { defaultConfiguration } from '../src/scheduling/default-configuration.ts'
import { kindsByType } from '../src/scheduling/plugins.ts'
import { readDocuments } from '../src/sources/document.ts'
import { readManifests } from '../src/sources/manifests.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'

/** What the documents and the examples say is what the code does. */
const root = join(import.meta.dirname, '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const reference = textOf('docs/reference.md')
const scheduling = textOf('docs/scheduling.md')

const examples = ['scheduling', 'rollout'].flatMap((folder) =>
  readdirSync(join(root, 'examples', folder)).map((name) => `examples/${folder}/${name}`),
)
const isConfiguration = (text: string) => text.includes('kind: EndpointPickerConfig')
/** The YAML blocks of the documents, without the indentation of a list that they stand in. */
const blocks = documents.flatMap((path) =>
  [...textOf(path).matchAll(/^( *)```yaml\n(.*?)^ *```/gms)].map(([, indentation, text], i) => {
    return [`${path}, block ${i + 1}`, text.replaceAll(new RegExp(`^${indentation}`, 'gm'), '')] as const
  }),
)

/** As `serve --config-file` reads it. */
const load = (name: string, text: string) =>
  readConfiguration(text, name, { nowMs: () => 0, staleAfterMs: (thresholdMs) => thresholdMs, readDocuments })

describe('configurations load, and have nothing to warn of', () => {
  const texts = [...examples.map((path) => [path, textOf(path)] as const), ...blocks]
  test.each(texts.filter(([, text]) => isConfiguration(text)))('%s', (name, text) => {
    expect(load(name, text).warnings).toEqual([])
  })
})

test('examples/scheduling/default.yaml is the default', () => {
  expect(parse(textOf('examples/scheduling/default.yaml'))).toEqual(defaultConfiguration)
})

describe('resources have no problems', () => {
  const twoModels = ['pools', 'models', 'routes'].map((name) => textOf(`examples/two-models/${name}.yaml`))
  const pools = twoModels.join('\n---\n')
  const isResource = (text: string) => /^ *kind: Inference/m.test(text) && !isConfiguration(text)
  const beside = (text: string) => (text.includes('kind: InferencePool') ? text : `${pools}\n---\n${text}`)
  const others = [...examples.map((path) => [path, textOf(path)] as const), ...blocks]
    .filter(([, text]) => isResource(text))
    .map(([name, text]) => [name, beside(text)] as const)
  test.each(others)('%s', (name, text) => {
    const { resources, problems } = readManifests(name, text)
    const compiled = compileCatalog(resources, { unknownFields: 'error', missingStates: 'ignore' })
    expect([...problems, ...compiled.problems]).toEqual([])
  })
})

/** The cells of the rows below table heads that begin with `head`. */
function rowsBelow(text: string, head: RegExp): string[][] {
  const tables = text.split(/\n(?!\|)/).map((part) => part.split('\n').filter((line) => line.startsWith('|')))
  return tables
    .filter(([first]) => first !== undefined && head.test(first))
    .flatMap(([, , ...rows]) =>
      rows.map((row) =>
        row
          .split(/(?<!\\)\|/)
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
    )
}

const codeIn = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code)

describe('docs/scheduling.md', () => {
  const rows = rowsBelow(scheduling, /^\| (type|policy) /)
  const described = rows.flatMap(([types, , parameters]) => codeIn(types).map((type) => [type, parameters] as const))

  test('has each type of plugin, once', () => {
    expect(described.map(([type]) => type).sort()).toEqual([...kindsByType.keys()].sort())
  })

  test.each(described.filter(([, parameters]) => parameters !== undefined))(
    'has the parameters of %s',
    (type, cell) => {
      const written = codeIn(cell).map((code) => code.split('='))
      const known = parametersOf(kindsByType.get(type)!.parameters)
      expect(written.map(([name]) => name).sort()).toEqual([...known.keys()].sort())
      for (const [name, value] of written) {
        const byDefault = known.get(name)
        if (byDefault !== undefined && typeof byDefault !== 'object')
          expect([name, value]).toEqual([name, `${byDefault}`])
      }
    },
  )
})

/** Parameters with their defaults; without those that are taken and refused, or passed over, whatever they are. */
function parametersOf(schema: z.ZodType): Map<string, unknown> {
  type Shape = { properties?: Record<string, { default?: unknown }>; anyOf?: Shape[]; oneOf?: Shape[] }
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Shape
  const shapes = shape.anyOf ?? shape.oneOf ?? [shape]
  // Of two forms of the parameters the first has the defaults.
  const properties = shapes.toReversed().flatMap(({ properties = {} }) => Object.entries(properties))
  const told = properties.filter(([, property]) => Object.keys(property).length > 0)
  return new Map(told.map(([name, property]) => [name, property.default]))
}

describe('the documents', () => {
  const optionsOf = (define: (command: Command) => void) => {
    const command = new Command()
    define(command)
    return [command, ...command.commands].flatMap((each) => each.createHelp().visibleOptions(each))
  }
  const flagsOf = (define: (command: Command) => void) => optionsOf(define).flatMap(({ long }) => long ?? [])
  const commands = [
    defineServe,
    defineController,
    defineExtension,
    defineRoutes,
    defineCheck,
    defineExplain,
    defineRollout,
    defineDemo,
    defineSim,
  ]
  const serveFlags = flagsOf(defineServe).filter((flag) => flag !== '--help')

  test('have a row for each flag of serve, with its default', () => {
    const rows = rowsBelow(reference, /^\| flag /)
    const written = new Map(rows.map(([flag, byDefault]) => [codeIn(flag)[0].split(' ')[0], byDefault]))
    expect([...written.keys()].sort()).toEqual(serveFlags.sort())
    for (const { long, defaultValue, defaultValueDescription } of optionsOf(defineServe)) {
      const known = defaultValueDescription ?? defaultValue
      // That of --pool-namespace comes from the environment.
      if (known !== undefined && long !== '--pool-namespace')
        expect([long, written.get(long!)]).toEqual([long, String(known)])
    }
  })

  test.each(documents)('%s names no other flags', (path) => {
    const helm = ['--set', '--set-file', '--values', '--create-namespace']
    const known = [...commands.flatMap(flagsOf), ...helm]
    // Command lines of other programs.
    const own = textOf(path)
      .replaceAll(/\\\n/g, ' ')
      .replaceAll(/(npm (run|start|test)|envoy --mode|vllm serve|helm|kubectl|docker|vitest|sed|curl) [^\n`]*/g, '')
    const named = new Set([...own.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag))
    expect([...named].filter((flag) => !known.includes(flag))).toEqual([])
  })

  test('have each header that is read or set', () => {
    const source = textOf('src/request/control-headers.ts')
    const headers = [...source.matchAll(/'(x-[a-z-]+)'/g)].map(([, name]) => name)
    expect(headers.length).toBeGreaterThan(10)
    expect(headers.filter((name) => !reference.includes(`\`${name}\``))).toEqual([])
  })

  test('have a row for each annotation', () => {
    const rows = rowsBelow(reference, /^\| annotation /)
    expect(rows.map(([name]) => codeIn(name)[0])).toEqual(annotationNames)
  })

  test('name metrics that there are', async () => {
    const state = { openExchanges: () => 0, pools: () => [], resourceProblems: () => 0 }
    const page = await createMetrics(state, { emitsLlmdNames: true }).registry.metrics()
    const families = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name))
    const prefix = /^(signalbox|inference_\w+?|bbr|gen_ai|llm_d_epp)_\w+$/
    const named = codeIn(reference).filter((code) => prefix.test(code))
    expect(named.length).toBeGreaterThan(10)
    expect(named.filter((name) => !families.has(name))).toEqual([])
  })
})

test('CONTRIBUTING.md has each variable that names a part', () => {
  const rows = rowsBelow(textOf('CONTRIBUTING.md'), /^\| variable /)
  const parts = [...textOf('test/real/parts.ts').matchAll(/^ {2}([A-Z0-9_]+):/gm)].map(([, name]) => name)
  const ofTests = ['CHROMIUM_BIN', 'ENVOY_BIN', 'EXTCASE', 'HELM_BIN', 'KUBECTL_BIN', 'SIGNALBOX_WIRE_CASES']
  expect(rows.flatMap(([names]) => codeIn(names)).sort()).toEqual([...parts, ...ofTests].sort())
})

test.each(documents)('the links of %s lead somewhere', (path) => {
  const links = [...textOf(path).matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)]
  const leads = ([, target, heading]: RegExpExecArray) => {
    const file = target === '' ? path : join(dirname(path), target)
    return existsSync(join(root, file)) && (heading === undefined || headingsOf(file).includes(heading))
  }
  expect(links.filter((link) => !leads(link)).map(([link]) => link)).toEqual([])
})

/** The headings of a document, as links name them. */
function headingsOf(path: string): string[] {
  const headings = [...textOf(path).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text.toLowerCase())
  return headings.map((text) => text.replaceAll(/[^\w\- ]/g, '').replaceAll(' ', '-'))
}
