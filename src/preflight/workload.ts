import { hasLabels } from './entry.ts'
import type { Inventory, PodEntry, ServiceEntry } from './inventory.ts'

/** The Pods that a Service leads to; where none is known, what Deployments say of them. */
export function workloadsBehind(
  { pods, podTemplates }: Inventory,
  { namespace, value }: ServiceEntry,
): readonly PodEntry[] {
  const selected = ({ namespace: own, labels }: PodEntry) => own === namespace && hasLabels(value.spec.selector, labels)
  const running = pods.filter(selected)
  return running.length > 0 ? running : podTemplates.filter(selected)
}

/** By its image, its command line or its labels: each of them may be someone's own. */
export function isSignalbox({ labels, value }: PodEntry): boolean {
  const texts = value.spec.containers.flatMap(({ image, command, args }) => [image, ...command, ...args])
  return [...Object.values(labels), ...texts].some((text) => text.includes('signalbox')) || texts.includes('serve')
}

/** The command line of `signalbox serve` in it; undefined where it does not say what it runs. */
function serveWords(workload: PodEntry): readonly string[] | undefined {
  if (!isSignalbox(workload)) return undefined
  const words = workload.value.spec.containers.map(({ command, args }) => [...command, ...args])
  return words.find((each) => each.includes('serve'))
}

/** Whether it serves ext_proc with TLS; undefined where it does not say what it runs. */
export function servesTls(workload: PodEntry): boolean | undefined {
  const serve = serveWords(workload)
  if (serve === undefined) return undefined
  const at = serve.findLastIndex((word) => /^--secure-serving(=|$)/.test(word))
  if (at < 0) return true
  const value = serve[at].split('=')[1] ?? serve[at + 1]
  return value !== 'false' && value !== '0'
}

/** Whether it serves one pool alone; undefined where it does not say what it runs. */
export function servesOnePool(workload: PodEntry): boolean | undefined {
  return serveWords(workload)?.some((word) => /^--(pool-name|endpoint-selector)(=|$)/.test(word))
}
