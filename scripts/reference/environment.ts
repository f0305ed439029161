/** Environment variables that are read, and what they are for. */
export const environment: readonly (readonly [name: string, meaning: string])[] = [
  ['KUBECONFIG', 'the kubeconfig, where no flag names one; outside of a pod'],
  [
    'KUBERNETES_SERVICE_HOST',
    'Kubernetes sets it in each container: `serve` without `--resources` reads the cluster then',
  ],
  ['NAMESPACE', 'the namespace of the pod: default of `--pool-namespace`, and of addresses of the extension server'],
  ['POD_NAME', 'what the holder of the Lease `signalbox-controller` calls itself; else the name of the host'],
  ['OTEL_…', 'where traces and metrics are sent, and which: [telemetry](telemetry.md)'],
  [
    'MALLOC_MMAP_THRESHOLD_',
    "glibc's; `bin/signalbox` sets 49152, so that the memory of a burst goes back to the system",
  ],
  ['ENVOY_BIN', 'Envoy for `demo`; else the one on `PATH`, else one that is fetched into the cache folder'],
  ['PATH', 'where `demo` looks for Envoy'],
  ['XDG_CACHE_HOME', 'the cache folder of `demo`; else `.cache` in `HOME`'],
  ['HOME', 'for that, and for `~/.kube/config`'],
  ['TERM', 'what the terminal of `demo` can show'],
]
