import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { EndpointSpec } from '../../src/pool/endpoint.ts'

/** Model servers as far as an endpoint picker sees them: an address each that answers `GET /metrics` like vLLM. */
export type Fleet = {
  readonly endpoints: readonly EndpointSpec[]
  /** The one port that all of them listen on. */
  readonly port: number
  stop(): Promise<void>
}

export const fleetNamespace = 'default'
export const fleetLabels = { app: 'bench-model-server' }

/** Starts `count` metric servers (at most 250) on 127.20.0.1, 127.20.0.2, …, all on one free port. */
export async function startFleet(count: number): Promise<Fleet> {
  const servers: Server[] = []
  let port = 0
  for (let i = 0; i < count; i++) {
    const text = vllmMetrics(i)
    const server = createServer((_request, answer) => {
      answer.setHeader('content-type', 'text/plain; version=0.0.4')
      answer.end(text)
    })
    // The first one takes any free port; the others, on addresses of their own, take the same.
    server.listen(port, addressOf(i))
    await once(server, 'listening')
    port = (server.address() as AddressInfo).port
    servers.push(server)
  }
  return {
    port,
    endpoints: servers.map((_, i) => ({
      name: `model-server-${i + 1}`,
      namespace: fleetNamespace,
      address: addressOf(i),
      port,
      labels: fleetLabels,
    })),
    async stop() {
      for (const server of servers) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

const addressOf = (index: number) => `127.20.0.${index + 1}`

/** Loads that differ from server to server, so that scorers have something to compare. */
function vllmMetrics(index: number): string {
  const engine = 'engine="0",model_name="qwen"'
  return `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{${engine}} ${index % 3}
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{${engine}} ${index % 2}
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{${engine}} ${(0.1 + (index % 5) * 0.05).toFixed(2)}
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",num_gpu_blocks="2048"} 1
# TYPE vllm:lora_requests_info gauge
vllm:lora_requests_info{max_lora="4",running_lora_adapters="",waiting_lora_adapters=""} 1.0
`
}
