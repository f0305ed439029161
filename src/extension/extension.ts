import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import { type AccessOptions, createAccess } from '../admin/access.ts'
import { serveAdmin } from '../admin/admin-server.ts'
import { emptyCatalog } from '../catalog/catalog.ts'
import { systemClock } from '../clock.ts'
import { GrpcServer } from '../extproc/grpc-server.ts'
import { Health } from '../extproc/health.ts'
import { cheapestMode, type ModeSetting } from '../extproc/processing-mode.ts'
import { type Certificates, folderCertificates } from '../extproc/tls.ts'
import { KubeClient } from '../kubernetes/client.ts'
import { loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { LivePools } from '../pool/live-pools.ts'
import type { SchedulingConfiguration } from '../scheduling/configuration.ts'
import { KubernetesSource } from '../sources/kubernetes/kubernetes-source.ts'
import { logProblems, type Snapshot, SourceError } from '../sources/source.ts'
import { Discovery } from './discovery.ts'
import type { DiscoveryAddress } from './discovery-source.ts'
import { type ExtProc, extProcConfig } from './ext-proc.ts'
import { ExtensionServer, type HookObserver } from './extension-server.ts'
import { createHooks } from './hooks.ts'
import { loadAssignment } from './load-assignment.ts'
import { messages } from './messages.ts'
import { createMetrics } from './metrics.ts'
import { poolKeysIn } from './pool-cluster.ts'

/** Configuration of the Envoy Gateway extension server, parsed from flags. */
export type ExtensionOptions = {
  /** A file; undefined for the pod's service account or the user's own. */
  readonly kubeconfig: string | undefined
  /** Read this namespace alone. */
  readonly namespace: string | undefined
  /** Address to listen on; undefined for all. */
  readonly host: string | undefined
  /** Hooks and endpoint discovery. 0 takes a free one. */
  readonly extensionPort: number
  readonly healthPort: number
  readonly metricsPort: number
  readonly metricsAccess: AccessOptions
  /** That port as Envoys reach it. */
  readonly discovery: Pick<DiscoveryAddress, 'host' | 'port'>
  /** `tls.crt`, `tls.key` and, where that is another one, `ca.crt` of the one who signed; undefined for plain text. */
  readonly certificateFolder: string | undefined
  readonly extProc: ExtProc
  /** That of `serve`, for what it has to see of answers. */
  readonly scheduling: SchedulingConfiguration
}

export type Extension = { close(): Promise<void> }

/**
 * Starts all servers and resolves when the resources have been read. While no API server answers, it is alive and not ready.
 * @throws KubeconfigError, SourceError, or the error of listen()
 */
export async function startExtension(options: ExtensionOptions, log: Logger): Promise<Extension> {
  const pools = new LivePools()
  const discoveries = {
    endpoints: new Discovery(messages.loadAssignment.typeUrl, log),
    filters: new Discovery(messages.extension.typeUrl, log),
  }
  let catalog = emptyCatalog
  let mode: readonly ModeSetting[] = []
  const apply = (snapshot: Snapshot) => {
    const { members: membersBefore } = pools
    const modeBefore = mode
    catalog = snapshot.catalog
    pools.update(catalog, snapshot.endpoints)
    mode = cheapestMode(catalog, options.scheduling)
    const { members } = pools
    discoveries.endpoints.update(
      (name) => loadAssignment(name, members),
      (name) => poolKeysIn(name).some((key) => members.get(key) !== membersBefore.get(key)),
    )
    discoveries.filters.update(
      (name) => extProcConfig(name, mode),
      () => !isDeepStrictEqual(mode, modeBefore),
    )
  }

  const client = new KubeClient(await loadKubeconfig(options.kubeconfig))
  const source = new KubernetesSource(
    client,
    {
      onlyPool: undefined,
      namespace: options.namespace,
      poolGroup: undefined,
      standing: [],
      clock: systemClock,
      random: Math.random,
    },
    {
      onSnapshot: apply,
      onProblems: (change) => logProblems(change, log),
      onMissing: (resources) => log.info({ resources }, 'not served by the API; looked for every few seconds'),
    },
  )
  const metrics = createMetrics(pools, discoveries)
  const { certificateFolder: folder } = options
  const certificates = folder === undefined ? undefined : openCertificates(folder, log)
  const authority = folder === undefined ? undefined : readAuthority(folder)
  const hooks = createHooks({ extProc: options.extProc, discovery: { ...options.discovery, authority } }, log)

  const health = new Health()
  const healthServer = new GrpcServer(health.methods, undefined)
  await healthServer.listen(options.healthPort, options.host)
  const metricsServer = await serveAdmin({
    port: options.metricsPort,
    host: options.host,
    access: createAccess(options.metricsAccess, client, systemClock, log),
    metrics: metrics.page,
  })
  const known = source.start().then(apply)
  const observe: HookObserver = (hook, error) => {
    metrics.hooks.inc({ hook, outcome: error === undefined ? 'ok' : 'error' })
    if (error !== undefined) log.error({ hook, cause: error.stack }, 'a hook failed: Envoy Gateway changes nothing')
  }
  const server = new ExtensionServer(hooks, discoveries, certificates, known, observe)
  const extensionPort = await server.listen(options.extensionPort, options.host)
  log.info({ extensionPort, healthPort: options.healthPort, metricsPort: options.metricsPort }, 'listening')
  await known
  health.setReady(true)
  log.info({ pools: catalog.pools.size, models: catalog.models.size }, 'resources are read')

  return {
    async close() {
      health.setReady(false)
      await server.close()
      health.close()
      healthServer.destroy()
      certificates?.close()
      metricsServer.closeAllConnections()
      await Promise.all([healthServer.close(), new Promise((done) => metricsServer.close(done)), source.close()])
    },
  }
}

function openCertificates(folder: string, log: Logger): Certificates {
  try {
    return folderCertificates(folder, (problem) => log.error(problem))
  } catch (error) {
    throw new SourceError(`--cert-path ${folder}: ${(error as Error).message}`)
  }
}

function readAuthority(folder: string): string {
  const file = join(folder, 'ca.crt')
  return readFileSync(existsSync(file) ? file : join(folder, 'tls.crt'), 'utf8')
}
