import type { Command } from 'commander'
import { parseNamespacedName } from './flag-values.ts'

type NamespacedName = { readonly namespace: string; readonly name: string }

export type OmeFlags = { readonly omeNamespace: string; readonly omeConfig?: NamespacedName }

/** Those that say where OME keeps its configuration. */
export function defineOmeFlags(command: Command): void {
  command
    .option('--ome-namespace <namespace>', 'where the ConfigMap inferenceservice-config of OME is', 'ome')
    .option('--ome-config <namespace/name>', 'read another ConfigMap in its place', parseNamespacedName)
}

/** The ConfigMap of OME. */
export function omeConfigOf({ omeNamespace, omeConfig }: OmeFlags): NamespacedName {
  return omeConfig ?? { namespace: omeNamespace, name: 'inferenceservice-config' }
}
