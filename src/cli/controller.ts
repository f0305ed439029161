import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Command, Option } from 'commander'
import type { Logger } from 'pino'
import { createAccess } from '../admin/access.ts'
import { portOf, serveAdmin } from '../admin/admin-server.ts'
import { systemClock } from '../clock.ts'
import { Controller } from '../controller/controller.ts'
import { GrpcServer } from '../extproc/grpc-server.ts'
import { Health } from '../extproc/health.ts'
import { KubeClient } from '../kubernetes/client.ts'
import { loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { httpPages } from '../rollout/replicas.ts'
import { createLog } from '../telemetry/log.ts'
import { parseLabels, parsePort, parseVerbosity } from './flag-values.ts'
import { accessOptionsOf, defineMetricsFlags, type MetricsFlags } from './metrics-flags.ts'
import { defineOmeFlags, type OmeFlags, omeConfigOf } from './ome-flags.ts'
import { runUntilTold } from './run-until-told.ts'

/** Of GatewayClasses: Envoy Gateway knows no InferencePools. */
const envoyGatewayController = 'gateway.envoyproxy.io/gatewayclass-controller'

/** As the chart labels them. */
const serveLabels = 'app.kubernetes.io/name=signalbox,app.kubernetes.io/component=serve'

/** What a pod shows to those who ask the cluster whom it belongs to. */
const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token'

type Flags = OmeFlags &
  MetricsFlags & {
    kubeconfig?: string
    watchNamespace?: string
    /** True: as a flag without a value. */
    poolStatus?: true | string[]
    /** False with --no-routes. */
    routes: boolean
    serveSelector: readonly (readonly [string, string])[]
    serveNamespace?: string
    serveTokenFile: string
    leaderElectionNamespace?: string
    host?: string
    grpcHealthPort: number
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
    .addOption(
      new Option('--serve-selector <labels>', 'labels of the replicas of serve, whose metrics rollouts are judged by')
        .argParser(parseLabels)
        .default(parseLabels(serveLabels), serveLabels),
    )
    .option('--serve-namespace <namespace>', 'their namespace (default: that of the Lease)')
    .option('--serve-token-file <file>', 'bearer token for their metrics', serviceAccountToken)
    .option(
      '--leader-election-namespace <namespace>',
      'namespace of the Lease (default: --watch-namespace, else that of the pod or of the kubeconfig)',
    )
    .option('--host <address>', 'address to listen on (default: all)')
    .option('--grpc-health-port <port>', 'gRPC health checks', parsePort, 9003)
    .option('-v, --v <level>', 'log verbosity: 0 info, 3 debug, 5 trace', parseVerbosity, 0)
    .action(run)
  defineMetricsFlags(command)
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
      rollouts: {
        replicas: {
          namespace: flags.serveNamespace ?? leaseNamespace,
          labelSelector: flags.serveSelector.map((pair) => pair.join('=')).join(','),
        },
        fetchPage: httpPages(flags.serveTokenFile),
      },
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
  const metricsServer = await serveAdmin({
    port: flags.metricsPort,
    host: flags.host,
    access: createAccess(accessOptionsOf(flags), client, systemClock, log),
    metrics: controller.metrics.page,
  })
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
