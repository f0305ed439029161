import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Catalog } from '../catalog/catalog.ts'
import { compileCatalog } from '../catalog/compile.ts'
import type { Declaration } from '../catalog/declaration.ts'
import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'
import { kindOf } from '../catalog/read.ts'
import type { Resource } from '../catalog/resource.ts'
import { cheapestMode, describeMode } from '../extproc/processing-mode.ts'
import { ConfigurationError, createConfiguration, type SchedulingConfiguration } from '../scheduling/configuration.ts'
import { createDefaultConfiguration } from '../scheduling/default-configuration.ts'
import { readEndpoints } from '../sources/endpoints.ts'
import { readManifests } from '../sources/manifests.ts'
import { PathError, readPath } from '../sources/paths.ts'

/** `signalbox check`: validates manifests and endpoints files without a cluster. */
export function define(command: Command): void {
  command
    .description('Validate resources. Prints a line for each problem: file:line:col path: problem')
    .argument('[path...]', 'files or directories of manifests')
    .option('-f, --file <path...>', 'the same, for those who know it from kubectl (repeatable)')
    .action(async (paths: string[], { file = [] }: { file?: string[] }) => {
      if (paths.length + file.length === 0)
        command.error('error: nothing to check: name a file or directory', { exitCode: 2 })
      const report = await check([...file, ...paths])
      process.stdout.write(`${report.lines.join('\n')}\n`)
      process.exitCode = report.exitCode
    })
}

type Report = {
  /** The problems in order of place, and a summary. */
  readonly lines: readonly string[]
  /** 1: there are errors. 2: an input can't be read, so there may be more than were found. */
  readonly exitCode: 0 | 1 | 2
}

async function check(paths: readonly string[]): Promise<Report> {
  const { texts, problems: unreadable } = await readTexts(paths)
  const manifests = texts.map(({ path, text }) => readManifests(path, text))
  const resources = manifests.flatMap((each) => each.resources)
  const configurations = resources.filter(isConfiguration).map(readScheduling)
  const endpointLists = manifests.flatMap((each) => each.endpointLists).map((list) => readEndpoints(list, 'error'))
  const compiled = compileCatalog(resources, { unknownFields: 'error' })
  const problems = [
    ...unreadable,
    ...manifests.flatMap((each) => each.problems),
    ...compiled.problems,
    ...configurations.flatMap((each) => each.problems),
    ...endpointLists.flatMap((list) => list.problems),
  ]
  const endpointCount = endpointLists.reduce((count, { endpoints }) => count + (endpoints?.size ?? 0), 0)
  const errorCount = problems.filter(({ severity }) => severity === 'error').length
  const warnings = configurations.flatMap(({ configuration }) => configuration?.warnings ?? [])
  const warningCount = problems.length - errorCount + warnings.length
  const lines = [...sortProblems(problems).map(formatProblem), ...warnings]
  const summary = [describeResources(resources)]
  if (endpointCount > 0) summary.push(count(endpointCount, 'endpoint'))
  summary.push(describeProblems(errorCount, warningCount))
  if (errorCount === 0 && compiled.catalog.pools.size > 0)
    lines.push(...describeModes(compiled.catalog, configurations))
  return { lines: [...lines, summary.join('; ')], exitCode: unreadable.length > 0 ? 2 : errorCount > 0 ? 1 : 0 }
}

type Scheduling = { readonly configuration: SchedulingConfiguration | undefined; readonly problems: readonly Problem[] }

/** An EndpointPickerConfig, which is read as `serve --config-file` reads it. */
function readScheduling({ object, origin }: Resource): Scheduling {
  try {
    return { configuration: createConfiguration({ value: object, origin }, unlived), problems: [] }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    return { configuration: undefined, problems: error.problems }
  }
}

/** Nothing is scheduled here. */
const unlived = { nowMs: () => 0, staleAfterMs: (thresholdMs: number) => thresholdMs }

/** How Envoy's ext_proc filter is to be set for these resources, by the configuration that is among them. */
function describeModes(catalog: Catalog, configurations: readonly Scheduling[]): readonly string[] {
  const [{ configuration = undefined } = {}] = configurations
  return describeMode(cheapestMode(catalog, configuration ?? createDefaultConfiguration(unlived)))
}

/** The text of every file, each file once. */
async function readTexts(paths: readonly string[]) {
  const texts = new Map<string, { readonly path: string; readonly text: string }>()
  const problems: Problem[] = []
  const unreadable = (place: string, message: string) => problems.push({ severity: 'error', place, path: '', message })
  for (const path of paths) {
    try {
      for (const file of (await readPath(path)).files) {
        if ('failure' in file) unreadable(file.path, file.failure)
        else texts.set(resolve(file.path), file)
      }
    } catch (error) {
      if (!(error instanceof PathError)) throw error
      unreadable(error.path, error.message)
    }
  }
  return { texts: [...texts.values()], problems }
}

const isConfiguration = ({ kind }: Resource): boolean => kind === 'EndpointPickerConfig'

type CountedKind = Declaration['kind'] | 'configuration'

const countedKindOf = (resource: Resource): CountedKind | undefined =>
  isConfiguration(resource) ? 'configuration' : kindOf(resource)

const kindNames: Readonly<Record<CountedKind, string>> = {
  pool: 'pool',
  model: 'model',
  rewrite: 'rewrite',
  objective: 'objective',
  route: 'route',
  adapters: 'adapter map',
  configuration: 'endpoint picker configuration',
}

/** `12 resources: 2 pools, 3 models, 7 others`. */
function describeResources(resources: readonly Resource[]): string {
  const byKind = Map.groupBy(resources, countedKindOf)
  const parts = Object.entries(kindNames).flatMap(([kind, name]) => {
    const found = byKind.get(kind as CountedKind)
    return found === undefined ? [] : [count(found.length, name)]
  })
  const others = byKind.get(undefined)
  if (others !== undefined) parts.push(count(others.length, 'other'))
  const total = count(resources.length, 'resource')
  return parts.length === 0 ? total : `${total}: ${parts.join(', ')}`
}

/** `no problems`, `2 errors, 1 warning`. */
function describeProblems(errors: number, warnings: number): string {
  const parts = [...(errors > 0 ? [count(errors, 'error')] : []), ...(warnings > 0 ? [count(warnings, 'warning')] : [])]
  return parts.length === 0 ? 'no problems' : parts.join(', ')
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
