import { type Command, Option } from 'commander'
import type { Catalog } from '../catalog/catalog.ts'
import { compileCatalog } from '../catalog/compile.ts'
import type { Declaration } from '../catalog/declaration.ts'
import { type Problem, sortProblems } from '../catalog/problem.ts'
import { kindOf } from '../catalog/read.ts'
import { identify, type Resource } from '../catalog/resource.ts'
import { cheapestMode, describeMode } from '../extproc/processing-mode.ts'
import { ApiError, KubeClient } from '../kubernetes/client.ts'
import { KubeconfigError, loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { type ClusterView, viewCluster } from '../preflight/cluster.ts'
import { asFinding, type Finding, formatFinding } from '../preflight/finding.ts'
import { findTraps } from '../preflight/preflight.ts'
import { createConfiguration, type SchedulingConfiguration } from '../scheduling/configuration.ts'
import { ConfigurationError } from '../scheduling/configuration-error.ts'
import { createDefaultConfiguration } from '../scheduling/default-configuration.ts'
import { readEndpoints } from '../sources/endpoints.ts'
import { readManifests } from '../sources/manifests.ts'
import { readTexts } from './read-texts.ts'

type Flags = {
  readonly file?: string[]
  readonly kubernetes?: boolean
  readonly kubeconfig?: string
  readonly watchNamespace?: string
  readonly output: 'text' | 'json'
}

/** `signalbox check`: validates manifests, endpoints files and clusters, and looks for known traps. */
export function define(command: Command): void {
  command
    .description('Validate resources and look for known traps. Prints a line for each: file:line:col path: problem')
    .argument('[path...]', 'files or directories of manifests; - is standard input')
    .option('-f, --file <path...>', 'the same, for those who know it from kubectl (repeatable)')
    .option('--kubernetes', 'check a cluster; files count in place of what has the same name there')
    .option(
      '--kubeconfig <file>',
      "its credentials, and check it (default: $KUBECONFIG, ~/.kube/config or the pod's own)",
    )
    .option('--watch-namespace <namespace>', 'look into this namespace alone (default: all)')
    .addOption(
      new Option('-o, --output <format>', 'json: an array of findings').choices(['text', 'json']).default('text'),
    )
    .action(async (paths: string[], flags: Flags) => {
      const files = [...(flags.file ?? []), ...paths]
      const readsCluster = flags.kubernetes === true || flags.kubeconfig !== undefined
      if (files.length === 0 && !readsCluster)
        command.error('error: nothing to check: name a file or directory', { exitCode: 2 })
      const cluster = readsCluster ? await openCluster(flags) : undefined
      if (cluster instanceof Error) return command.error(`error: ${cluster.message}`, { exitCode: 2 })
      const report = await check(files, cluster)
      const text = flags.output === 'json' ? JSON.stringify(report.findings, null, 2) : report.lines.join('\n')
      process.stdout.write(`${text}\n`)
      process.exitCode = report.exitCode
    })
}

/** What can be seen of the cluster; an error without credentials, or without an answer. */
async function openCluster({ kubeconfig, watchNamespace }: Flags): Promise<ClusterView | Error> {
  try {
    return await viewCluster(new KubeClient(await loadKubeconfig(kubeconfig)), watchNamespace)
  } catch (error) {
    if (error instanceof KubeconfigError) return error
    if (error instanceof Error && (error instanceof ApiError || 'code' in error))
      return new Error(`Kubernetes API: ${error.message}`)
    throw error
  }
}

type Report = {
  /** In order of place. */
  readonly findings: readonly Finding[]
  /** The findings, what else there is to say, and a summary. */
  readonly lines: readonly string[]
  /** 1: there are errors. 2: an input can't be read, so there may be more than were found. */
  readonly exitCode: 0 | 1 | 2
}

async function check(paths: readonly string[], cluster: ClusterView | undefined): Promise<Report> {
  const { texts, problems: unreadable } = await readTexts(paths)
  const manifests = texts.map(({ path, text }) => readManifests(path, text))
  const ofFiles = manifests.flatMap((each) => each.resources)
  const resources = [...ofFiles, ...(cluster === undefined ? [] : without(cluster.resources, ofFiles))]
  const configurations = resources.filter(isConfiguration).map(readScheduling)
  const endpointLists = manifests.flatMap((each) => each.endpointLists).map((list) => readEndpoints(list, 'error'))
  // A cluster may have newer CRDs than these, and has let its fields pass.
  const compiled = compileCatalog(resources, {
    unknownFields: cluster === undefined ? 'error' : 'warning',
    // How far a target is rolled out stands in the cluster, not beside the manifests.
    missingStates: cluster === undefined ? 'ignore' : 'warning',
  })
  const endpoints = endpointLists.flatMap((list) => [...(list.endpoints?.values() ?? [])])
  const traps = findTraps({
    resources,
    compiled,
    endpoints:
      cluster === undefined && endpoints.length === 0 ? undefined : [...(cluster?.endpoints ?? []), ...endpoints],
    envoyGateways: cluster?.envoyGateways ?? [],
    isCluster: cluster !== undefined,
    isUnread: cluster?.isUnread ?? (() => false),
  })
  const unread = [...unreadable, ...(cluster?.problems ?? [])]
  const problems = [
    ...unread,
    ...manifests.flatMap((each) => each.problems),
    ...compiled.problems,
    ...configurations.flatMap((each) => each.problems),
    ...endpointLists.flatMap((list) => list.problems),
  ]
  const placed = sortProblems([...problems.map(asFinding), ...traps]) as Finding[]
  const warnings = configurations.flatMap(({ configuration }) => configuration?.warnings ?? [])
  const findings = [...placed, ...warnings.map(asNote)]
  const errorCount = findings.filter(({ severity }) => severity === 'error').length
  const warningCount = findings.length - errorCount
  const lines = [...placed.map(formatFinding), ...warnings]
  if (cluster !== undefined && cluster.missing.length > 0)
    lines.push(`not served by this cluster: ${cluster.missing.join(', ')}`)
  const summary = [describeResources(resources)]
  if (endpoints.length > 0) summary.push(count(endpoints.length, 'endpoint'))
  summary.push(describeProblems(errorCount, warningCount))
  if (errorCount === 0 && compiled.catalog.pools.size > 0)
    lines.push(...describeModes(compiled.catalog, configurations))
  lines.push(summary.join('; '))
  return { findings, lines, exitCode: unread.length > 0 ? 2 : errorCount > 0 ? 1 : 0 }
}

/** A warning of a configuration is a line that names its place. */
const asNote = (line: string): Finding => asFinding({ severity: 'warning', place: '', path: '', message: line })

/** Those that have none of the same kind and name among `others`. */
function without(resources: readonly Resource[], others: readonly Resource[]): Resource[] {
  const names = new Set(others.map((each) => identify(each, 'default')))
  return resources.filter((each) => !names.has(identify(each, 'default')))
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
  rollouts: 'map of rollouts',
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
