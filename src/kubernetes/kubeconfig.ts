import type { KubeConfig } from '@kubernetes/client-node'

/** No credentials for a cluster, or none that can be read. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

/**
 * Credentials of a cluster.
 * @param file a kubeconfig; undefined takes `KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order
 * @throws KubeconfigError
 */
export async function loadKubeconfig(file: string | undefined): Promise<KubeConfig> {
  // Half a second and 60 MB, for those who need it.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  // Set to nothing is not set.
  const named = file ?? (process.env.KUBECONFIG || undefined)
  try {
    if (file === undefined) config.loadFromDefault()
    else config.loadFromFile(file)
  } catch (error) {
    throw new KubeconfigError(`kubeconfig ${named ?? '~/.kube/config'}: ${(error as Error).message}`)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new KubeconfigError(`kubeconfig ${named ?? ''}: its current context names no cluster`)
  // What the library falls back to when it finds nothing.
  if (named === undefined && cluster.name === 'cluster' && cluster.server === 'http://localhost:8080') {
    throw new KubeconfigError(
      'no cluster to read from: there is no service account of a pod, no ~/.kube/config, and neither KUBECONFIG nor --kubeconfig names one',
    )
  }
  return config
}
