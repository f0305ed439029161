import type { Command } from 'commander'
import type { AccessOptions } from '../admin/access.ts'
import { parseBoolean, parsePort } from './flag-values.ts'

/** Flags of all that serves metrics. */
export type MetricsFlags = {
  metricsPort: number
  metricsEndpointAuth: boolean
  metricsTokenFile?: string
}

export function defineMetricsFlags(command: Command): void {
  command
    .option('--metrics-port <port>', 'Prometheus metrics', parsePort, 9090)
    .option(
      '--metrics-endpoint-auth [bool]',
      'who does not ask from 127.0.0.1 needs a bearer token there: one that the cluster lets get /metrics, or that of the file',
      parseBoolean,
      true,
    )
    .option('--metrics-token-file <file>', 'a token that is accepted there; read again when it changes')
}

export const accessOptionsOf = ({ metricsEndpointAuth, metricsTokenFile }: MetricsFlags): AccessOptions => ({
  asksForTokens: metricsEndpointAuth,
  tokenFile: metricsTokenFile,
})
