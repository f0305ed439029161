import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Command } from 'commander'
import type { Logger } from 'pino'
import { systemClock } from '../clock.ts'
import { Controller } from '../controller/controller.ts'
import { GrpcServer } from '../extproc/grpc-server.ts'
import { Health } from '../extproc/health.ts'
import { KubeClient } from '../kubernetes/client.ts'
import { loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { createLog } from '../telemetry/log.ts'
import { portOf, serveMetrics } from '../telemetry/metrics.ts'
import { parsePort, parseVerbosity } from './flag-values.ts'
import { defineOmeFlags, type OmeFlags, omeConfigOf } from './ome-flags.ts'
import { runUntilTold } from './run-until-told.ts'

/** Of GatewayClasses: Envoy Gateway knows no InferencePools. */
const envoyGatewayController = 'gateway.envoyproxy.io/gatewayclass-controller'

type Flags = OmeFlags & {
  kubeconfig?: string
  watchNamespace?: string
  /** True: as a flag without a value. */
  poolStatus?: true | string[]
  /** False with --no-routes. */
  routes: boolean
  leaderElectionNamespace?: string
  host?: string
  grpcHealthPort: number
  metricsPort: number
  v: number
}

export function define(command: Command): void {
  command
    .option('--kubernetes', 'look after a cluster: what it always does')
    .option(
      '--kubeconfig <file>',
      'its credentials (default: KUBECONFIG, ~/.kube/config, or the service account of the pod)',
    )
    .option('--watch-namespace <namespace>', 'look after this namespace alone (default: all)')
    .option(
      '--pool-status [controllers...]',
      `write the status of InferencePools for Gateways of these controllers, which do not (alone: ${envoyGatewayController})`,
    )
    .option('--no-routes', 'make no routes for OME InferenceServices and AIM Engine AIMServices')
    .option(
      '--leader-election-namespace <namespace>',
      'namespace of the Lease (default: --watch-namespace, else that of the pod or of the kubeconfig)',
    )
    .option('--host <address>', 'address to listen on (default: all)')
    .option('--grpc-health-port <port>', 'gRPC health checks', parsePort, 9003)
    .option('--metrics-port <port>', 'Prometheus metrics', parsePort, 9090)
    .option('-v, --v <level>', 'log verbosity: 0 info, 3 debug, 5 trace', parseVerbosity, 0)
    .action(run)
  defineOmeFlags(command)
}

async function run(flags: Flags): Promise<void> {
  const log = createLog(flags.v)
  await runUntilTold(() => start(flags, log), log)
}

/** Listens, and begins. Ready once every kind has been read. Returns what ends it. */
async function start(flags: Flags, log: Logger): Promise<() => Promise<void>> {
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig))
  const leaseNamespace = flags.leaderElectionNamespace ?? flags.watchNamespace ?? client.namespace ?? 'default'
  const identity = `${process.env.POD_NAME ?? hostname()}_${randomUUID()}`
  const controller = new Controller(
    client,
    {
      namespace: flags.watchNamespace,
      routes: flags.routes ? { omeConfig: omeConfigOf(flags) } : undefined,
      poolStatusFor: flags.poolStatus === true ? [envoyGatewayController] : flags.poolStatus,
      leaseNamespace,
      identity,
      clock: systemClock,
      random: Math.random,
    },
    log,
  )
  const health = new Health()
  const healthServer = new GrpcServer(health.methods, undefined)
  const healthPort = await healthServer.listen(flags.grpcHealthPort, flags.host)
  const metricsServer = await serveMetrics(controller.metrics.page, flags.metricsPort, flags.host)
  const metricsPort = portOf(metricsServer)
  log.info({ healthPort, metricsPort, leaseNamespace, identity }, 'controller started')
  void controller.start().then((isReady) => health.setReady(isReady))
  return async () => {
    health.setReady(false)
    await controller.close()
    health.close()
    metricsServer.closeAllConnections()
    metricsServer.close()
    healthServer.destroy()
    await healthServer.close()
  }
}
