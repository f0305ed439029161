import { type Command, InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { type Injection, injectionSchema, parseFaultText } from '../sim/faults.ts'
import type { JournalEntry } from '../sim/journal.ts'
import { type LatencyProfile, latencyProfileNames } from '../sim/latency.ts'
import { answerTokensField, defaultAnswerTokens, latencyFields, problemsOf } from '../sim/settings.ts'
import { type Sim, type SimOptions, simDefaults, startSim } from '../sim/sim.ts'

/** How long requests under way may go on after the first SIGTERM or SIGINT. The second ends them at once. */
const shutdownGraceMs = 10_000

const positive = z.int().min(1)
const port = z.int().min(0).max(65_535)

const faultHelp = `
Faults: KIND[=VALUE][;FIELD=VALUE]...
  status=CODE[;retryAfterSeconds=S]   answer with this error status
  stall[=MS][;afterChunks=K]          fall silent, for MS or for ever, before the headers or after K chunks
  abort[=K]                           close the connection, before any answer or after K chunks
  truncate[=K]                        end the answer in the middle of the chunk after K (default 1) chunks
  split[=BYTES]                       write the answer in pieces of 1 to BYTES (default 7) bytes
  slow-read=BYTES                     read the request body at this many bytes per second
  rate=0..1                           for a share of the requests, e.g. 'status=503;rate=0.1'
  first=N                             only for the first N requests, e.g. 'abort;first=3'
  model=NAME                          only for requests that name this model, e.g. 'status=500;model=v2'
A chunk is one event of a stream, or half of a JSON answer. The request header x-sim-fault takes the same
text (without rate, first and model) for one request.

Pages:
  GET /v1/models, /health, /version, /metrics
  GET, DELETE /sim/requests           the last requests as they arrived; forget them
  GET, POST /sim/config               e.g. {"latency": {"ttftMs": 200}, "tokens": 50,
                                            "faults": [{"kind": "status", "code": 503}]}
  POST /sim/refuse                    e.g. {"forMs": 5000}: refuse connections for 5 s
The request header x-sim-echo: body | request sends back what was received.
Every answer names its server in x-sim-server.

Example:
  signalbox sim --port 8101 --model qwen --lora travel-helper-v1 --profile 8b-h100 --fault 'abort=5;rate=0.1'`

type Flags = {
  readonly port: number
  readonly host: string
  readonly name?: string
  readonly model: string
  readonly lora?: readonly string[]
  readonly maxLoras?: number
  readonly maxNumSeqs: number
  readonly kvCacheBlocks: number
  readonly blockSize: number
  readonly prefixCaching: boolean
  readonly maxBodyBytes: number
  readonly profile: LatencyProfile
  readonly ttftMs?: number
  readonly itlMs?: number
  readonly promptTokenMs?: number
  readonly loraLoadMs?: number
  readonly jitter?: number
  readonly loadFactor?: number
  readonly tokens: number
  readonly fault?: Injection[]
  readonly seed: number
  readonly log?: true
}

export function define(command: Command): void {
  command
    .description('run a simulated model server with the HTTP API and the metrics of vLLM')
    .addHelpText('after', faultHelp)

    .optionsGroup('Server:')
    .option('--port <number>', 'port; 0 takes a free one', numberIn(port), 8000)
    .option('--host <address>', 'address to listen on', simDefaults.host)
    .option('--name <name>', 'what the server calls itself (default: MODEL-PORT)')
    .requiredOption('--model <name>', 'base model')
    .option('--lora <names>', 'LoRA adapters, separated by commas', names)
    .option('--max-loras <number>', 'adapters that are loaded at once (default: all)', numberIn(positive))
    .option(
      '--max-num-seqs <number>',
      'requests that run at once; others wait',
      numberIn(positive),
      simDefaults.maxNumSeqs,
    )
    .option('--kv-cache-blocks <number>', 'blocks of the KV cache', numberIn(positive), simDefaults.kvBlocks)
    .option('--block-size <tokens>', 'tokens of one of its blocks', numberIn(positive), simDefaults.kvBlockTokens)
    .option('--no-prefix-caching', 'process every prompt whole, whatever of it is in the cache')
    .option('--max-body-bytes <bytes>', 'largest request body', numberIn(positive), simDefaults.maxBodyBytes)

    .optionsGroup('Latency:')
    .option('--profile <name>', `latencies to begin with: ${latencyProfileNames.join(', ')}`, profile, 'instant')
    .option('--ttft-ms <ms>', 'time to the first token', numberIn(latencyFields.ttftMs))
    .option('--itl-ms <ms>', 'time between two tokens', numberIn(latencyFields.itlMs))
    .option(
      '--prompt-token-ms <ms>',
      'time to the first token, more for each prompt token that is not in the cache',
      numberIn(latencyFields.promptTokenMs),
    )
    .option('--lora-load-ms <ms>', 'time to load an adapter', numberIn(latencyFields.adapterLoadMs))
    .option(
      '--jitter <share>',
      'each time varies by up to this share of itself, 0 to 1',
      numberIn(latencyFields.jitter),
    )
    .option('--load-factor <times>', 'how much slower a full server is', numberIn(latencyFields.loadFactor))
    .option(
      '--tokens <number>',
      'tokens of an answer, unless max_tokens is less',
      numberIn(answerTokensField),
      defaultAnswerTokens,
    )

    .optionsGroup('Faults and tests:')
    .option('--fault <fault>', 'what goes wrong, see below (repeatable)', fault)
    .option('--seed <number>', 'of jitter, fault rates and split points', numberIn(z.int()), simDefaults.seed)
    .option('--log', 'print each request as a line of JSON when it is over')
    .action((flags: Flags) => run(command, flags))
}

async function run(command: Command, flags: Flags): Promise<void> {
  const sim = await start(command, flags)
  const models = [flags.model, ...(flags.lora ?? [])].join(', ')
  console.log(`signalbox sim: ${sim.name} serves ${models} on ${sim.url.slice('http://'.length)}`)
  let isStopping = false
  const stop = () => {
    if (isStopping) process.exit(1)
    isStopping = true
    void sim.close(shutdownGraceMs)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
}

async function start(command: Command, flags: Flags): Promise<Sim> {
  try {
    return await startSim(optionsOf(flags))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const place = `${flags.host} port ${flags.port}`
    return command.error(`error: ${code === 'EADDRINUSE' ? `${place} is in use by another program` : message}`)
  }
}

function optionsOf(flags: Flags): SimOptions {
  const { profile, ttftMs, itlMs, promptTokenMs, loraLoadMs: adapterLoadMs, jitter, loadFactor, tokens } = flags
  return {
    model: flags.model,
    adapters: flags.lora ?? [],
    host: flags.host,
    port: flags.port,
    maxNumSeqs: flags.maxNumSeqs,
    kvBlocks: flags.kvCacheBlocks,
    kvBlockTokens: flags.blockSize,
    prefixCaching: flags.prefixCaching,
    maxBodyBytes: flags.maxBodyBytes,
    seed: flags.seed,
    settings: {
      latency: { profile, ttftMs, itlMs, promptTokenMs, adapterLoadMs, jitter, loadFactor },
      tokens,
      faults: flags.fault ?? [],
    },
    ...(flags.name !== undefined && { name: flags.name }),
    ...(flags.maxLoras !== undefined && { maxLoras: flags.maxLoras }),
    ...(flags.log && { onRequest: logRequest }),
  }
}

function logRequest({ body: _, arrivals: __, ...entry }: JournalEntry): void {
  console.log(JSON.stringify(entry))
}

function numberIn(schema: z.ZodNumber): (text: string) => number {
  return (text) => checked(schema, text.trim() === '' ? Number.NaN : Number(text))
}

function profile(text: string): LatencyProfile {
  return checked(z.enum(latencyProfileNames), text)
}

function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.includes('')) throw new InvalidArgumentError('Expected names separated by commas.')
  return list
}

function fault(text: string, before: Injection[] = []): Injection[] {
  return [...before, checked(injectionSchema, parseFaultText(text))]
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (!result.success) throw new InvalidArgumentError(problemsOf(result.error))
  return result.data
}
