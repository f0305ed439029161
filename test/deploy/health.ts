import { checkHealth } from '../kube/health.ts'

/** What a kubelet asks of a gRPC probe. */
export const isServing = async (port: number, service: string): Promise<boolean> =>
  (await checkHealth(`127.0.0.1:${port}`, service)) === 'SERVING'
