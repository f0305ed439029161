import { createServer } from 'node:net'
import { HttpReader } from './http-reader.ts'

/**
 * Model servers as far as gateways and endpoint pickers see them, as a program: `node model-servers.ts PORT ADDRESS…`. Each
 * address answers `GET /metrics` like vLLM, and 200 to any other request when its last byte has come, with the number of
 * bytes in its body. They are on plain sockets, as what they cost is taken from the gateway that is measured.
 */
const [port, ...addresses] = process.argv.slice(2)

for (const [index, address] of addresses.entries()) {
  const metrics = answer('text/plain; version=0.0.4', vllmMetrics(index))
  const server = createServer({ noDelay: true }, (socket) => {
    const reader = new HttpReader(({ path, bodyBytes }) => {
      socket.write(path === '/metrics' ? metrics : answer('application/json', `{"received":${bodyBytes}}`), 'latin1')
    })
    socket.on('data', (bytes) => reader.push(bytes))
    socket.on('error', () => {})
  })
  server.listen(Number(port), address)
}

function answer(type: string, body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}

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
