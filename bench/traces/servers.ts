import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { baseModel, type Trace } from './trace.ts'

/** Which program plays the model servers. */
export const serverKinds = ['llm-d-inference-sim', 'signalbox sim'] as const
export type ServerKind = (typeof serverKinds)[number]

/** Simulated model servers on 127.0.0.1, a port each. */
export type ModelServers = { readonly ports: readonly number[]; stop(): Promise<void> }

export const serverCount = 8
/** What each server is and has, in tokens of {@link tokensPerWord}. */
export const serverShape = {
  blockTokens: 16,
  /** 16,384 words: of the trace's prefixes of 3,000 words 5.4, on all servers 43. */
  cacheBlocks: 1024,
  adapterSlots: 4,
  firstTokenMs: 10,
  promptWordMs: 0.1,
  adapterLoadMs: 400,
} as const

/** As the programs count the traces' words of six characters. Caches are to hold as many words, and to save as much time, in both. */
const tokensPerWord: Readonly<Record<ServerKind, number>> = { 'llm-d-inference-sim': 1, 'signalbox sim': 1.5 }

const signalbox = fileURLToPath(new URL('../../bin/signalbox', import.meta.url))

/**
 * Starts eight servers with empty caches; resolves when all answer.
 * @param program the path of llm-d-inference-sim, for that kind.
 */
export async function startModelServers(kind: ServerKind, trace: Trace, program: string): Promise<ModelServers> {
  const ports = await freePorts(serverCount)
  const servers = ports.map(
    (port) => new GuardedProcess({ name: `${kind} ${port}`, ...commandOf(kind, port, trace, program) }),
  )
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()))
  }
  try {
    await Promise.all(
      servers.map((server, i) =>
        untilReady(server, async () => (await fetch(`http://127.0.0.1:${ports[i]}/health`)).ok, 60_000),
      ),
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { ports, stop }
}

function commandOf(
  kind: ServerKind,
  port: number,
  { adapters, servers }: Trace,
  program: string,
): { command: string; args: readonly string[] } {
  const shape = serverShape
  const cacheBlocks = Math.round(shape.cacheBlocks * tokensPerWord[kind])
  const promptTokenMs = shape.promptWordMs / tokensPerWord[kind]
  switch (kind) {
    case 'llm-d-inference-sim':
      return {
        command: 'env',
        args: [
          // It names itself by this in the events of its cache, and does not start without.
          'POD_IP=127.0.0.1',
          program,
          `--port=${port}`,
          `--model=${baseModel}`,
          '--enable-kvcache',
          `--block-size=${shape.blockTokens}`,
          `--kv-cache-size=${cacheBlocks}`,
          '--zmq-endpoint=',
          `--max-num-seqs=${servers.maxRunning}`,
          '--max-model-len=32768',
          `--prefill-overhead=${shape.firstTokenMs}ms`,
          `--prefill-time-per-token=${promptTokenMs * 1000}us`,
          `--inter-token-latency=${servers.tokenMs}ms`,
          `--seed=${port}`,
          ...(adapters.length > 0
            ? [
                `--max-loras=${shape.adapterSlots}`,
                `--max-cpu-loras=${adapters.length}`,
                '--lora-modules',
                ...adapters.map((name) => JSON.stringify({ name })),
              ]
            : []),
        ],
      }
    case 'signalbox sim':
      return {
        command: signalbox,
        args: [
          'sim',
          `--port=${port}`,
          `--model=${baseModel}`,
          `--kv-cache-blocks=${cacheBlocks}`,
          `--block-size=${shape.blockTokens}`,
          `--max-num-seqs=${servers.maxRunning}`,
          `--ttft-ms=${shape.firstTokenMs}`,
          `--prompt-token-ms=${promptTokenMs}`,
          `--itl-ms=${servers.tokenMs}`,
          '--tokens=100000',
          ...(adapters.length > 0
            ? [
                `--lora=${adapters.join(',')}`,
                `--max-loras=${shape.adapterSlots}`,
                `--lora-load-ms=${shape.adapterLoadMs}`,
              ]
            : []),
        ],
      }
  }
}
