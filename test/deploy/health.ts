import { join } from 'node:path'
import { type Client, credentials, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

type Health = Client & {
  check(request: { service: string }, callback: (error: Error | null, answer?: { status: string }) => void): void
}
type HealthPackage = { grpc: { health: { v1: { Health: new (address: string, c: unknown) => Health } } } }

const healthProto = loadSync(join(import.meta.dirname, '../../protos/grpc/health/v1/health.proto'), { enums: String })
const { Health } = (loadPackageDefinition(healthProto) as unknown as HealthPackage).grpc.health.v1

/** What a kubelet asks of a gRPC probe. */
export function isServing(port: number, service: string): Promise<boolean> {
  const client = new Health(`127.0.0.1:${port}`, credentials.createInsecure())
  return new Promise((resolve) => {
    client.check({ service }, (error, answer) => {
      client.close()
      resolve(error === null && answer?.status === 'SERVING')
    })
  })
}
