import { defaultLimits } from '../src/request/limits.ts'
import type { ServiceOptions } from '../src/service.ts'

/** Of a service without resources; what differs a test says. */
export const serviceOptions: ServiceOptions = {
  source: { kind: 'files', resources: [], endpointsFile: undefined, defaultNamespace: 'default' },
  onlyPool: undefined,
  electsLeader: false,
  host: undefined,
  grpcPort: 9002,
  healthPort: 9003,
  metricsPort: 9090,
  metricsAccess: { asksForTokens: true, tokenFile: undefined },
  hasAdminPage: false,
  workers: 1,
  tls: 'off',
  limits: defaultLimits,
  rejectsUnknownModels: false,
  keepsContentLength: false,
  configuration: undefined,
  emitsEndpointScores: false,
  keepsToSubset: true,
  trustsHints: true,
  answersModels: true,
  emitsLlmdNames: false,
  tracing: true,
  accessLogShare: undefined,
  refreshMetricsIntervalMs: 50,
  drainTimeoutMs: 30_000,
}
