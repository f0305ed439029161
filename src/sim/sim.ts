import { createServer, validateHeaderValue } from 'node:http'
import { type Clock, systemClock } from '../clock.ts'
import type { SimContext } from './context.ts'
import { control, isControlPath } from './control.ts'
import { Engine } from './engine.ts'
import { exchange } from './exchange.ts'
import type { Injection } from './faults.ts'
import { Journal, type JournalEntry, type JournalLimits } from './journal.ts'
import { Listener } from './listener.ts'
import { Metrics, type MetricsSnapshot } from './metrics.ts'
import { parseSettingsChange, Settings, type SettingsChange, type SettingsView } from './settings.ts'
import { wait } from './wait.ts'

/** Limits and defaults of a simulated model server. */
export const simDefaults = {
  host: '127.0.0.1',
  /** Requests that run at once. */
  maxNumSeqs: 256,
  /** Blocks of the KV cache: 131,072 tokens. */
  kvBlocks: 8192,
  kvBlockTokens: 16,
  maxBodyBytes: 64 * 1024 * 1024,
  seed: 1,
  journal: { maxEntries: 500, maxBodyBytes: 64 * 1024 } satisfies JournalLimits,
} as const

/** Says in every answer which server it came from. */
const serverHeader = 'x-sim-server'
/** Bytes of request headers: as many as Envoy lets through by default (60 KiB), and a little more. */
const maxHeaderBytes = 64 * 1024
/** While another process holds the port, the server tries again this often to get it back. */
const reopenEveryMs = 100

export type SimOptions = {
  /** Base model. */
  readonly model: string
  /** LoRA adapters. */
  readonly adapters?: readonly string[]
  /** In `x-sim-server` and in the answers; `MODEL-PORT` by default. */
  readonly name?: string
  readonly host?: string
  /** 0, the default, takes a free one. */
  readonly port?: number
  readonly maxNumSeqs?: number
  /** Adapters that are loaded at once; all by default. */
  readonly maxLoras?: number
  readonly kvBlocks?: number
  readonly kvBlockTokens?: number
  /** Whether prompts with the same beginning share the work on it; true by default, as in vLLM. */
  readonly prefixCaching?: boolean
  readonly maxBodyBytes?: number
  /** Of all that is random: jitter, rates of faults, split points. */
  readonly seed?: number
  /** Latency (profile `instant` by default), tokens an answer, faults. */
  readonly settings?: SettingsChange
  readonly journal?: JournalLimits
  readonly clock?: Clock
  /** Called when a request that the journal records is over. */
  readonly onRequest?: (entry: JournalEntry) => void
}

/** A running simulated model server. */
export type Sim = {
  readonly name: string
  /** IP address, without the port. */
  readonly address: string
  readonly port: number
  /** E.g. `http://127.0.0.1:8101`. */
  readonly url: string
  readonly journal: Journal
  setFaults(faults: readonly Injection[]): void
  /** As POST /sim/config. @throws RefusedError naming each field at fault. */
  configure(change: SettingsChange): SettingsView
  metrics(): MetricsSnapshot
  /** Cuts all connections and stops listening, for `forMs` or until {@link accept}. */
  refuse(forMs?: number): Promise<void>
  /** Listens again, on the same port. */
  accept(): Promise<void>
  /** Ends the server; requests under way have `graceMs` (0 by default) to finish. */
  close(graceMs?: number): Promise<void>
}

/**
 * Starts a simulated model server with vLLM's HTTP API and metrics; resolves when it listens.
 * @throws RefusedError for settings that are out of bounds; TypeError for a name that no header can carry; the system's error
 * when the port can't be had.
 */
export async function startSim(options: SimOptions): Promise<Sim> {
  const { model, adapters = [], host = simDefaults.host, clock = systemClock } = options
  const settings = new Settings()
  settings.change(parseSettingsChange(options.settings ?? {}))
  const limits = {
    maxNumSeqs: options.maxNumSeqs ?? simDefaults.maxNumSeqs,
    maxLoras: options.maxLoras ?? Math.max(1, adapters.length),
    kvBlocks: options.kvBlocks ?? simDefaults.kvBlocks,
    kvBlockTokens: options.kvBlockTokens ?? simDefaults.kvBlockTokens,
  }
  const epochMs = () => clock.epochMs()
  validateHeaderValue(serverHeader, options.name ?? model)

  // Envoy keeps idle connections for an hour: one that the server closed first would fail a request now and then.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, maxHeaderSize: maxHeaderBytes })
  const listener = new Listener(server, host, options.port ?? 0)
  await listener.open()

  const context: SimContext = {
    name: options.name ?? `${model}-${listener.port}`,
    served: { base: model, adapters: new Set(adapters) },
    createdS: Math.floor(epochMs() / 1000),
    maxBodyBytes: options.maxBodyBytes ?? simDefaults.maxBodyBytes,
    seed: options.seed ?? simDefaults.seed,
    clock,
    startedAtMs: clock.nowMs(),
    settings,
    engine: new Engine(limits, { nowMs: () => clock.nowMs(), adapterLoadMs: () => settings.latency.adapterLoadMs }),
    hasPrefixCaching: options.prefixCaching ?? true,
    metrics: new Metrics({ modelName: model, limits, hasAdapters: adapters.length > 0, epochMs }),
    journal: new Journal(options.journal ?? simDefaults.journal),
    onRequest: options.onRequest,
  }
  const life = new AbortController()

  async function refuse(forMs?: number): Promise<void> {
    await listener.close(0)
    if (forMs !== undefined) void reopenAfter(forMs)
  }

  async function reopenAfter(delayMs: number): Promise<void> {
    try {
      await wait(clock, delayMs, life.signal)
      await listener.open()
    } catch {
      if (!life.signal.aborted) await reopenAfter(reopenEveryMs)
    }
  }

  server.on('request', (request, response) => {
    response.setHeader(serverHeader, context.name)
    if (isControlPath((request.url ?? '').split('?', 1)[0])) void control(context, request, response, { refuse })
    else void exchange(context, request, response)
  })

  return {
    name: context.name,
    address: host,
    port: listener.port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`,
    journal: context.journal,
    setFaults: (faults) => settings.change(parseSettingsChange({ faults })),
    configure: (change) => {
      settings.change(parseSettingsChange(change))
      return settings.view()
    },
    metrics: () => context.metrics.snapshot(context.engine.snapshot(clock.nowMs())),
    refuse,
    accept: () => listener.open(),
    close: (graceMs = 0) => {
      life.abort()
      return listener.close(graceMs)
    },
  }
}
