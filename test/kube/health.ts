import { credentials, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js'
import { loadProtos } from '../../protos/load.ts'

// biome-ignore lint/suspicious/noExplicitAny: a GrpcObject is a tree of packages without types
const HealthClient = (loadProtos().grpc as any).grpc.health.v1.Health as ServiceClientConstructor

export type HealthStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' | 'unreachable'

/** What a plaintext gRPC server says of the health of a service. */
export function checkHealth(address: string, service: string): Promise<HealthStatus> {
  const client = new HealthClient(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  return new Promise((resolve) => {
    const deadline = Date.now() + 1000
    client.Check({ service }, { deadline }, (error: ServiceError | null, response?: { status: HealthStatus }) => {
      client.close()
      resolve(error === null ? response!.status : 'unreachable')
    })
  })
}
