import { stringify } from 'yaml'
import { createCrds } from '../../test/real/crds.ts'
import { startKubeApi } from '../../test/real/kube-api.ts'
import { type Fleet, fleetNamespace } from './fleet.ts'
import { createInKube, poolName } from './resources.ts'
import { type OwnServer, startServer } from './server.ts'

/** The Go body-based router and the Go endpoint picker, which together do what signalbox does alone. */
export type Reference = { readonly router: OwnServer; readonly picker: OwnServer; stop(): Promise<void> }

export const referenceParts = ['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS', 'REFERENCE_BBR', 'REFERENCE_EPP'] as const
export type ReferenceParts = Readonly<Record<(typeof referenceParts)[number], string>>

const crds = [
  'inferencepools.inference.networking.k8s.io',
  'inferenceobjectives.inference.networking.x-k8s.io',
  'inferencemodelrewrites.inference.networking.x-k8s.io',
]

/** As their charts set them, and the cheapest they can be: no traces, few lines of log. */
const cheapestFlags = ['--tracing=false', '-v=1']

/** Its own default, and the scorer of adapters, which signalbox has by default. */
const pickerConfiguration = stringify({
  apiVersion: 'inference.networking.x-k8s.io/v1alpha1',
  kind: 'EndpointPickerConfig',
  plugins: [
    { type: 'queue-scorer' },
    { type: 'kv-cache-utilization-scorer' },
    { type: 'prefix-cache-scorer' },
    { type: 'lora-affinity-scorer' },
    { type: 'max-score-picker' },
  ],
  schedulingProfiles: [
    {
      name: 'default',
      plugins: [
        { pluginRef: 'queue-scorer', weight: 2 },
        { pluginRef: 'kv-cache-utilization-scorer', weight: 2 },
        { pluginRef: 'prefix-cache-scorer', weight: 3 },
        { pluginRef: 'lora-affinity-scorer', weight: 1 },
        { pluginRef: 'max-score-picker' },
      ],
    },
  ],
})

/** Both read their resources from Kubernetes only, so they get a real API server with the fleet's pool in it. */
export async function startReference(parts: ReferenceParts, fleet: Fleet, directory: string): Promise<Reference> {
  const api = await startKubeApi(parts.KUBEBUILDER_ASSETS, directory)
  const servers: OwnServer[] = []
  const stop = async () => {
    for (const server of servers) await server.stop()
    await api.stop()
  }
  const start = async (name: string, command: string, ownFlags: readonly string[]) => {
    // They have no flag for the kubeconfig.
    const server = await startServer(name, command, [...cheapestFlags, ...ownFlags], { KUBECONFIG: api.kubeconfig })
    servers.push(server)
    return server
  }
  try {
    await createCrds(api, parts.SIGNALBOX_CRDS, crds)
    await createInKube(api, fleet)
    const router = await start('BBR', parts.REFERENCE_BBR, ['--streaming'])
    const picker = await start('EPP', parts.REFERENCE_EPP, [
      `--pool-name=${poolName}`,
      `--pool-namespace=${fleetNamespace}`,
      `--config-text=${pickerConfiguration}`,
      '--metrics-endpoint-auth=false',
    ])
    return { router, picker, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
