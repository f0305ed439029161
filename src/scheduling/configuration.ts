import { z } from 'zod'
import type { FlowControlOptions } from '../admission/options.ts'
import { show } from '../catalog/fields.ts'
import { didYouMean } from '../catalog/nearest.ts'
import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'
import { isObject, type Origin } from '../catalog/resource.ts'
import type { AttributeReporter } from '../response/attributes.ts'
import { ConfigurationError } from './configuration-error.ts'
import { readFlowControl } from './configuration-flow-control.ts'
import { type ParserType, readParsers } from './configuration-parsers.ts'
import { PluginSet, type World } from './configuration-plugins.ts'
import { readHandler, readProfiles } from './configuration-profiles.ts'
import { ConfigurationReader } from './configuration-reader.ts'
import { reportersOf } from './configuration-reporters.ts'
import {
  cacheFields,
  certificateFiles,
  type DataLayer,
  dataLayerOf,
  type ExtractorParameters,
  type SourceParameters,
} from './data-layer.ts'
import { goDuration } from './go-duration.ts'
import type { ProfileHandler } from './handlers/handler.ts'
import type { Admitter, Plugin, Producer, SaturationDetector } from './plugin.ts'
import { kindsByType } from './plugins.ts'
import type { Profile } from './profile.ts'

/** What an EndpointPickerConfig says, checked, with its plugins made. */
export type SchedulingConfiguration = {
  readonly profiles: ReadonlyMap<string, Profile>
  readonly handler: ProfileHandler
  readonly detector: SaturationDetector
  /** In the order of the file. */
  readonly admitters: readonly Admitter[]
  /** A producer stands behind those that it needs. */
  readonly producers: readonly Producer[]
  /** All, whatever their part; a plugin stands behind those that it needs. */
  readonly plugins: readonly Plugin[]
  /** How request bodies are read; undefined is by their paths. */
  readonly parsers: readonly ParserType[] | undefined
  /** Undefined where requests don't queue. */
  readonly flowControl: FlowControlOptions | undefined
  readonly reporters: readonly AttributeReporter[]
  readonly dataLayer: DataLayer
  /** For people, each with its place. */
  readonly warnings: readonly string[]
}

/** One document of a file. */
export type ConfigurationDocument = { readonly value: unknown; readonly origin: Origin }

export type ConfigurationContext = World & {
  /** Parses YAML or JSON; `file` names it in places. */
  readDocuments(
    file: string,
    text: string,
  ): { readonly documents: readonly ConfigurationDocument[]; readonly problems: readonly Problem[] }
}

/**
 * Reads an EndpointPickerConfig (YAML or JSON, one document) and makes its plugins.
 * @throws ConfigurationError with everything that is wrong
 */
export function readConfiguration(
  text: string,
  fileName: string,
  context: ConfigurationContext,
): SchedulingConfiguration {
  const { documents, problems } = context.readDocuments(fileName, text)
  if (problems.length > 0) throw new ConfigurationError(problems)
  if (documents.length !== 1) {
    const message = `found ${documents.length} documents, allowed: one EndpointPickerConfig`
    throw new ConfigurationError([{ severity: 'error', place: `${fileName}:1:1`, path: '', message }])
  }
  return createConfiguration(documents[0], context)
}

const gates: ReadonlySet<string> = new Set([
  'flowControl',
  'dataLayer',
  'enableLegacyMetrics',
  'haPopulateNonLeaderDatastore',
  'prepareDataPlugins',
])

const sectionNames = [
  'apiVersion',
  'kind',
  'featureGates',
  'plugins',
  'schedulingProfiles',
  'saturationDetector',
  'flowControl',
  'dataLayer',
  'parser',
  'requestHandler',
]

/** @throws ConfigurationError with everything that is wrong */
export function createConfiguration({ value, origin }: ConfigurationDocument, world: World): SchedulingConfiguration {
  const reader = new ConfigurationReader(origin)
  if (!isObject(value)) {
    reader.error([], `found ${show(value)}, allowed: an EndpointPickerConfig`)
    throw new ConfigurationError(reader.problems)
  }
  const sections = readSections(value, reader)
  const isGateOpen = readGates(sections.featureGates, reader)
  const plugins = new PluginSet(sections.plugins, kindsByType, reader, world)
  const detector = readDetector(sections, plugins, reader)
  const profiles = readProfiles(sections.schedulingProfiles, plugins, detector, reader)
  const handler = readHandler(profiles, plugins, reader)
  const parsers = readParsers(sections, plugins, reader)
  const dataLayer = readDataLayer(value, plugins, reader)
  const flowControl = readFlowControl(sections.flowControl, plugins, reader)
  if (isObject(sections.flowControl) && !isGateOpen('flowControl')) {
    const idle = Object.keys(sections.flowControl).filter((key) => key !== 'saturationDetector')
    if (idle.length > 0)
      reader.warn(['flowControl'], `${idle.join(', ')}: no effect without the feature gate flowControl`)
  }
  if (reader.problems.some(({ severity }) => severity === 'error') || handler === undefined) {
    throw new ConfigurationError(reader.problems)
  }
  const made = plugins.made.map(({ plugin }) => plugin)
  const playing = new Set<Plugin>(plugins.playing('producer').map(({ plugin }) => plugin))
  return {
    profiles,
    handler,
    detector,
    admitters: plugins.playing('admitter').map(({ plugin }) => plugin),
    producers: made.filter((plugin) => playing.has(plugin)),
    plugins: made,
    parsers,
    flowControl: isGateOpen('flowControl') ? flowControl : undefined,
    reporters: reportersOf(plugins),
    dataLayer,
    warnings: sortProblems(reader.problems).map(formatProblem),
  }
}

function readSections(value: Readonly<Record<string, unknown>>, reader: ConfigurationReader): Record<string, unknown> {
  reader.read(z.enum(['llm-d.ai/v1alpha1', 'inference.networking.x-k8s.io/v1alpha1']), value.apiVersion, ['apiVersion'])
  reader.read(z.literal('EndpointPickerConfig'), value.kind, ['kind'])
  // A documented name of dataLayer.
  for (const key of Object.keys(value)) {
    if (!sectionNames.includes(key) && key !== 'data') {
      reader.error([key], `unknown field${didYouMean(key, sectionNames) || `, allowed: ${sectionNames.join(', ')}`}`)
    }
  }
  return { ...value }
}

/** As Go's strconv.ParseBool reads them. */
const gateStates: ReadonlyMap<string, boolean> = new Map([
  ...['true', 't', '1'].map((state) => [state, true] as const),
  ...['false', 'f', '0'].map((state) => [state, false] as const),
])

/** A gate is open when it is listed, as `name` or `name=true`; of two entries the later one counts. */
function readGates(section: unknown, reader: ConfigurationReader): (gate: string) => boolean {
  const open = new Set<string>()
  for (const [i, item] of reader.items(section, ['featureGates']).entries()) {
    const [name, state = 'true', ...rest] = String(item).split('=')
    const isOpen = gateStates.get(state.trim().toLowerCase())
    if (typeof item !== 'string') {
      reader.error(['featureGates', i], `found ${show(item)}, allowed: a text such as flowControl or flowControl=false`)
    } else if (!gates.has(name)) {
      const allowed = didYouMean(name, [...gates]) || `, allowed: ${[...gates].join(', ')}`
      reader.error(['featureGates', i], `unknown feature gate ${show(name)}${allowed}`)
    } else if (rest.length > 0 || isOpen === undefined) {
      reader.error(['featureGates', i], `found ${show(item)}, allowed: ${name}, ${name}=true, ${name}=false`)
    } else if (isOpen) {
      open.add(name)
    } else {
      open.delete(name)
    }
  }
  return (gate) => open.has(gate)
}

const detectorReference = z.strictObject({ pluginRef: z.string().optional() })

function readDetector(
  sections: Readonly<Record<string, unknown>>,
  plugins: PluginSet,
  reader: ConfigurationReader,
): SaturationDetector {
  const own = sections.flowControl
  const inFlowControl = isObject(own) && own.saturationDetector != null
  if (inFlowControl && sections.saturationDetector != null) {
    reader.warn(['saturationDetector'], 'has no effect beside flowControl.saturationDetector')
  }
  const path = inFlowControl ? ['flowControl', 'saturationDetector'] : ['saturationDetector']
  const section = inFlowControl ? own.saturationDetector : (sections.saturationDetector ?? undefined)
  const reference = reader.read(detectorReference.optional(), section, path)
  const byDefault = 'utilization-detector'
  const name = reference?.pluginRef
  const named = name ? plugins.named(name, 'saturation detector', [...path, 'pluginRef'], [byDefault]) : undefined
  return named ?? (plugins.ofType(byDefault) as SaturationDetector)
}

const reference = z.strictObject({ pluginRef: z.string() })

const dataLayerSchema = z.strictObject({
  injectDefaults: z.boolean().optional(),
  sources: z.array(reference.extend({ extractors: z.array(reference).default([]) })).default([]),
  discovery: reference.optional(),
  peerDiscovery: reference.optional(),
  crossReplicaSyncerPluginRef: z.string().optional(),
  crossReplicaSyncInterval: goDuration.optional(),
})

function readDataLayer(
  value: Readonly<Record<string, unknown>>,
  plugins: PluginSet,
  reader: ConfigurationReader,
): DataLayer {
  if (value.dataLayer != null && value.data != null)
    reader.error(['data'], 'found beside dataLayer, allowed: one of them')
  const at = value.dataLayer == null && value.data != null ? 'data' : 'dataLayer'
  const read = reader.read(dataLayerSchema.optional(), value[at] ?? undefined, [at])
  for (const [i, { pluginRef, extractors }] of (read?.sources ?? []).entries()) {
    const path = [at, 'sources', i]
    plugins.named(pluginRef, 'data source', [...path, 'pluginRef'])
    for (const [j, extractor] of extractors.entries()) {
      plugins.named(extractor.pluginRef, 'extractor', [...path, 'extractors', j, 'pluginRef'])
    }
  }
  if (read?.injectDefaults === false) reader.warn([at, 'injectDefaults'], 'has no effect: metrics are read in any case')
  if (read?.discovery !== undefined)
    plugins.named(read.discovery.pluginRef, 'discovery', [at, 'discovery', 'pluginRef'])
  for (const key of ['peerDiscovery', 'crossReplicaSyncerPluginRef'] as const) {
    if (read?.[key] !== undefined) reader.warn([at, key], 'has no effect: replicas share no state')
  }
  const ofType = (role: 'data source' | 'extractor', types: readonly string[]) =>
    plugins.playing(role).find(({ plugin }) => types.includes(plugin.type))
  const source = ofType('data source', ['metrics-data-source'])
  const extractor = ofType('extractor', ['core-metrics-extractor', 'model-server-protocol-metrics'])
  const dataLayer = dataLayerOf(
    source?.plugin.parameters as SourceParameters | undefined,
    extractor?.plugin.parameters as ExtractorParameters | undefined,
  )
  for (const key of certificateFiles) {
    if ((source?.plugin.parameters as SourceParameters | undefined)?.[key] === undefined) continue
    reader.warn([...source!.path, 'parameters', key], 'has no effect: no certificates are read for scrapes')
  }
  for (const { name, customMetrics, ...rest } of dataLayer.engineConfigs) {
    if (extractor === undefined) break
    const idle = cacheFields.filter((key) => rest[key] !== undefined)
    if (idle.length > 0) reader.warn(extractor.path, `${idle.join(', ')} of the engine ${show(name)}: no effect`)
    if (customMetrics.length === 0) continue
    reader.warn(extractor.path, `customMetrics of the engine ${show(name)} have no effect: only the load is read`)
  }
  return dataLayer
}
