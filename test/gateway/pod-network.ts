import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Addresses for what stands in for Pods on this machine. Kubernetes refuses 127.0.0.0/8 in EndpointSlices, so these come from
 * the range that is set aside for benchmarks (RFC 2544) and used by no network.
 */
export const podRange = '198.18.0.0/16'

/** @param host 1 to 254 */
export const podAddress = (host: number) => `198.18.0.${host}`

export type PodNetwork = {
  /** Takes it away again if it was not there before. */
  close(): void
}

const route = ['local', podRange, 'dev', 'lo']

/**
 * Lets programs of this machine listen on the addresses of {@link podRange}. Undefined where that takes more rights than this
 * process has.
 */
export async function openPodNetwork(): Promise<PodNetwork | undefined> {
  if (await canListen(podAddress(1))) return { close: () => {} }
  try {
    execFileSync('ip', ['route', 'add', ...route], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return { close: () => execFileSync('ip', ['route', 'del', ...route], { stdio: 'ignore' }) }
}

/** What to do where {@link openPodNetwork} gives nothing. */
export const podNetworkRemedy = "run it as root of a network of its own: unshare -rn sh -c 'ip link set lo up; …'"

async function canListen(address: string): Promise<boolean> {
  const server = createServer().listen(0, address)
  try {
    await once(server, 'listening')
    server.close()
    return true
  } catch {
    return false
  }
}
