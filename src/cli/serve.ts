import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { defaultLimits, maxModelBytes } from '../request/limits.ts'
import { type ServiceOptions, startService } from '../service.ts'
import { SourceError } from '../sources/source.ts'
import { createLog } from '../telemetry/log.ts'
import {
  bytesText,
  durationText,
  parseBoolean,
  parseBytes,
  parseDurationMs,
  parsePort,
  parseShare,
  parseVerbosity,
  parseWorkers,
} from './flag-values.ts'
import { accessOptionsOf, defineMetricsFlags, type MetricsFlags } from './metrics-flags.ts'
import { runUntilTold } from './run-until-told.ts'
import { defineSourceFlags, onlyPoolOf, type SourceFlags, sourceConflict, sourceOf } from './source-flags.ts'

/**
 * Flags of the reference endpoint pickers that mean nothing here: accepted, so that their charts can run this program, and
 * named once at start. `true` for those that may stand without a value.
 */
const withoutMeaning: Readonly<Record<string, boolean>> = {
  'allow-experimental-plugins': true,
  'cache-info-metric': false,
  'enable-cert-reload': true,
  'enable-grpc-stream-metrics': true,
  'enable-pprof': true,
  'grpc-max-recv-msg-size': false,
  'grpc-max-send-msg-size': false,
  'health-checking': true,
  'kv-cache-usage-percentage-metric': false,
  'lora-info-metric': false,
  'metrics-cert-dir': false,
  'metrics-client-ca-file': false,
  'metrics-staleness-threshold': false,
  'model-server-metrics-https-insecure-skip-verify': true,
  'model-server-metrics-path': false,
  'model-server-metrics-port': false,
  'model-server-metrics-scheme': false,
  plugin: false,
  'refresh-prometheus-metrics-interval': false,
  streaming: true,
  'tls-cipher-suites': false,
  'tls-min-version': false,
  'total-queued-requests-metric': false,
  'total-running-requests-metric': false,
  'zap-devel': true,
  'zap-encoder': false,
  'zap-log-level': false,
  'zap-stacktrace-level': false,
  'zap-time-encoding': false,
}

type Flags = {
  host?: string
  grpcPort: number
  grpcHealthPort: number
  adminPage: boolean
  workers: number
  secureServing: boolean
  certPath?: string
  unknownModel: 'route' | 'reject'
  allowContentLengthHeader: boolean
  configFile?: string
  configText?: string
  emitEndpointScores: boolean
  disableEndpointSubsetFilter: boolean
  trustClientHints: boolean
  models?: 'answer' | 'route'
  emitLlmDMetrics: boolean
  maxBodyBytes: number
  maxHeldBytes: number
  maxTotalHeldBytes: number
  streamedHoldBytes: number
  tracing: boolean
  accessLog?: number
  refreshMetricsInterval: number
  drainTimeout: number
  v: number
} & SourceFlags &
  MetricsFlags &
  Record<string, unknown>

export function define(command: Command): void {
  defineSourceFlags(command)
  defineMetricsFlags(command)
  command
    .option('--host <address>', 'address to listen on (default: all)')
    .option('--grpc-port <port>', 'ext_proc', parsePort, 9002)
    .option('--grpc-health-port <port>', 'gRPC health checks', parsePort, 9003)
    .option(
      '--admin-page [bool]',
      'on the metrics port: a page that shows what goes on, its state as JSON, and POST /explain',
      parseBoolean,
      false,
    )
    .option('--workers <count>', 'processes that serve; from 2 on they are beside one that watches', parseWorkers, 1)
    .option('--secure-serving [bool]', 'TLS on the ext_proc port', parseBoolean, true)
    .option('--cert-path <folder>', 'tls.crt and tls.key, read again when they change (default: self-signed)')
    .addOption(
      new Option(
        '--unknown-model <action>',
        'a model that no InferenceModel names: leave it to the routes, or answer 404',
      )
        .choices(['route', 'reject'])
        .default('route'),
    )
    .option(
      '--allow-content-length-header [bool]',
      "Envoy's filter has allow_content_length_header: hold a renamed body until its length is known",
      parseBoolean,
      false,
    )
    .option('--config-file <file>', 'how endpoints are picked: an EndpointPickerConfig')
    .option('--config-text <text>', 'the same, as text')
    .option('--emit-endpoint-scores [bool]', 'tell Envoy the score of each endpoint, in metadata', parseBoolean, false)
    .option(
      '--disable-endpoint-subset-filter [bool]',
      "pick from the whole pool, whatever the proxy's subset hint says",
      parseBoolean,
      false,
    )
    .option(
      '--trust-client-hints [bool]',
      'clients may ask for an objective, a fairness id, a model or a time to first token in headers',
      parseBoolean,
      true,
    )
    .addOption(
      new Option(
        '--models <action>',
        'GET /v1/models: answer it from the resources, or leave it to the model servers (default with --pool-name)',
      ).choices(['answer', 'route']),
    )
    .option('--emit-llm-d-metrics [bool]', 'metrics under the names of llm-d, too', parseBoolean, false)
    .addOption(sizeOption('--max-body-bytes <size>', 'largest request body', defaultLimits.maxBodyBytes))
    .addOption(
      sizeOption(
        '--max-held-bytes <size>',
        'most of it to hold while its model is unknown',
        defaultLimits.maxHeldBytes,
      ),
    )
    .addOption(
      sizeOption(
        '--max-total-held-bytes <size>',
        'most memory that bodies of all requests are held in; 503 to those that hold more than is left',
        defaultLimits.maxTotalHeldBytes,
      ),
    )
    .addOption(
      sizeOption(
        '--streamed-hold-bytes <size>',
        "the same in STREAMED mode; below Envoy's per_connection_buffer_limit_bytes",
        defaultLimits.streamedHoldBytes,
      ),
    )
    .option(
      '--tracing [bool]',
      'traces, where OTEL_EXPORTER_OTLP_ENDPOINT or its like names a place for them',
      parseBoolean,
      true,
    )
    .option(
      '--access-log <share>',
      'a line of JSON on standard output for this share of the requests, 0 to 1, and for all that fail (default: off)',
      parseShare,
    )
    .addOption(durationOption('--refresh-metrics-interval <duration>', 'between two scrapes of an endpoint', 50))
    .addOption(durationOption('--drain-timeout <duration>', 'after SIGTERM, serve on for at most this long', 30_000))
    .option('-v, --v <level>', 'log verbosity: 0 info, 3 debug, 5 trace', parseVerbosity, 0)
    .addHelpText(
      'after',
      `\nModel names have at most ${maxModelBytes} bytes. Flags of the reference endpoint picker are accepted.`,
    )
    .action(run)
  for (const [name, mayStandAlone] of Object.entries(withoutMeaning)) {
    command.addOption(new Option(`--${name} ${mayStandAlone ? '[bool]' : '<value>'}`).hideHelp())
  }
}

/** Help shows defaults as they are written on the command line. */
const sizeOption = (flag: string, text: string, bytes: number): Option =>
  new Option(flag, text).argParser(parseBytes).default(bytes, bytesText(bytes))

const durationOption = (flag: string, text: string, ms: number): Option =>
  new Option(flag, text).argParser(parseDurationMs).default(ms, durationText(ms))

async function run(flags: Flags, command: Command): Promise<void> {
  const log = createLog(flags.v)
  const ignored = Object.keys(withoutMeaning).filter((name) => flags[camelCase(name)] !== undefined)
  if (ignored.length > 0) log.warn({ flags: ignored.map((name) => `--${name}`) }, 'these flags have no effect here')
  const conflict = sourceConflict(flags)
  if (conflict !== undefined) command.error(`error: ${conflict}`)
  const start = async () => {
    const service = await startService(serviceOptions(flags), log)
    return () => service.drain()
  }
  await runUntilTold(start, log)
}

function serviceOptions(flags: Flags): ServiceOptions {
  return {
    source: sourceOf(flags),
    onlyPool: onlyPoolOf(flags),
    electsLeader: flags.haEnableLeaderElection,
    host: flags.host,
    grpcPort: flags.grpcPort,
    healthPort: flags.grpcHealthPort,
    metricsPort: flags.metricsPort,
    metricsAccess: accessOptionsOf(flags),
    hasAdminPage: flags.adminPage,
    workers: flags.workers,
    tls: !flags.secureServing ? 'off' : flags.certPath === undefined ? 'self-signed' : { folder: flags.certPath },
    limits: {
      ...defaultLimits,
      maxBodyBytes: flags.maxBodyBytes,
      maxHeldBytes: flags.maxHeldBytes,
      maxTotalHeldBytes: flags.maxTotalHeldBytes,
      streamedHoldBytes: flags.streamedHoldBytes,
    },
    configuration: configurationSource(flags),
    emitsEndpointScores: flags.emitEndpointScores,
    keepsToSubset: !flags.disableEndpointSubsetFilter,
    trustsHints: flags.trustClientHints,
    answersModels: (flags.models ?? (flags.poolName === undefined ? 'answer' : 'route')) === 'answer',
    emitsLlmdNames: flags.emitLlmDMetrics,
    rejectsUnknownModels: flags.unknownModel === 'reject',
    keepsContentLength: flags.allowContentLengthHeader,
    tracing: flags.tracing,
    accessLogShare: flags.accessLog,
    refreshMetricsIntervalMs: flags.refreshMetricsInterval,
    drainTimeoutMs: flags.drainTimeout,
  }
}

/** The text of the EndpointPickerConfig and what to call it; undefined for the defaults. */
function configurationSource({ configFile, configText }: Flags): ServiceOptions['configuration'] {
  if (configFile !== undefined && configText !== undefined)
    throw new SourceError('--config-file and --config-text: one of them')
  if (configText !== undefined) return { name: '--config-text', text: configText }
  if (configFile === undefined) return undefined
  try {
    return { name: configFile, text: readFileSync(configFile, 'utf8') }
  } catch (error) {
    throw new SourceError(`--config-file ${configFile}: ${(error as Error).message}`)
  }
}

const camelCase = (name: string): string => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
