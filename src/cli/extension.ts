import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../clock.ts'
import { startExtension } from '../extension/extension.ts'
import { readConfiguration, type SchedulingConfiguration } from '../scheduling/configuration.ts'
import { createDefaultConfiguration } from '../scheduling/default-configuration.ts'
import { readDocuments } from '../sources/document.ts'
import { createLog } from '../telemetry/log.ts'
import { parseBoolean, parsePort, parseVerbosity } from './flag-values.ts'
import { accessOptionsOf, defineMetricsFlags, type MetricsFlags } from './metrics-flags.ts'
import { runUntilTold } from './run-until-told.ts'

type Flags = MetricsFlags & {
  kubeconfig?: string
  watchNamespace?: string
  host?: string
  extensionPort: number
  endpointDiscoveryAddress: Address
  certPath?: string
  extProcAddress: Address
  extProcTls: boolean
  configFile?: string
  grpcHealthPort: number
  v: number
}

type Address = { readonly host: string; readonly port: number }

export function define(command: Command): void {
  const namespace = process.env.NAMESPACE ?? 'default'
  command
    .option('--kubernetes', 'read from a cluster: what it always does')
    .option(
      '--kubeconfig <file>',
      'its credentials (default: the service account of the pod, KUBECONFIG, ~/.kube/config)',
    )
    .option('--watch-namespace <namespace>', 'read this namespace alone (default: all)')
    .option('--host <address>', 'address to listen on (default: all)')
    .option('--extension-port <port>', "Envoy Gateway's hooks, and endpoint discovery for Envoys", parsePort, 9005)
    .addOption(
      addressOption(
        '--endpoint-discovery-address <host:port>',
        'that port as Envoys reach it',
        `signalbox-extension.${namespace}.svc:9005`,
      ),
    )
    .option(
      '--cert-path <folder>',
      'TLS on that port: tls.crt and tls.key, read again when they change, and ca.crt for Envoys to verify them by',
    )
    .addOption(
      addressOption(
        '--ext-proc-address <host:port>',
        "`signalbox serve`'s ext_proc port as Envoys reach it; a headless Service spreads requests over its pods",
        `signalbox.${namespace}.svc:9002`,
      ),
    )
    .option(
      '--ext-proc-tls [bool]',
      'that port speaks TLS, with any certificate (--secure-serving of serve)',
      parseBoolean,
      true,
    )
    .option('--config-file <file>', 'the EndpointPickerConfig of serve, for what it has to see of answers')
    .option('--grpc-health-port <port>', 'gRPC health checks', parsePort, 9003)
    .option('-v, --v <level>', 'log verbosity: 0 info, 3 debug, 5 trace', parseVerbosity, 0)
    .action(run)
  defineMetricsFlags(command)
}

const addressOption = (flag: string, text: string, address: string): Option =>
  new Option(flag, text).argParser(parseAddress).default(parseAddress(address), address)

async function run(flags: Flags): Promise<void> {
  const log = createLog(flags.v)
  const start = async () => {
    const { endpointDiscoveryAddress: discovery, extProcAddress } = flags
    const extension = await startExtension(
      {
        kubeconfig: flags.kubeconfig,
        namespace: flags.watchNamespace,
        host: flags.host,
        extensionPort: flags.extensionPort,
        healthPort: flags.grpcHealthPort,
        metricsPort: flags.metricsPort,
        metricsAccess: accessOptionsOf(flags),
        discovery,
        certificateFolder: flags.certPath,
        extProc: { ...extProcAddress, tls: flags.extProcTls },
        scheduling: readScheduling(flags.configFile),
      },
      log,
    )
    return () => extension.close()
  }
  await runUntilTold(start, log)
}

function readScheduling(file: string | undefined): SchedulingConfiguration {
  // Nothing is scheduled here: only what the plugins ask of answers is looked at.
  const world = { nowMs: systemClock.nowMs, staleAfterMs: (thresholdMs: number) => thresholdMs }
  if (file === undefined) return createDefaultConfiguration(world)
  return readConfiguration(readFileSync(file, 'utf8'), file, { ...world, readDocuments })
}

/** `host:port`, `[ipv6]:port` */
function parseAddress(value: string): Address {
  const [, host, port] = /^(?:\[([^\]]+)\]|[^:]+):(\d+)$/.exec(value) ?? []
  if (port === undefined) throw new InvalidArgumentError('It is an address such as signalbox.default.svc:9002.')
  return { host: host ?? value.slice(0, value.lastIndexOf(':')), port: parsePort(port) }
}
