import { z } from 'zod'
import { FaultPlan, type Injection, injectionSchema } from './faults.ts'
import { type Latency, latencyProfileNames, latencyProfiles } from './latency.ts'
import { badRequest } from './refusal.ts'

const delayMs = z.number().min(0).max(3_600_000)

/** The fields of {@link Latency} with their bounds. */
export const latencyFields = {
  ttftMs: delayMs,
  itlMs: delayMs,
  promptTokenMs: delayMs,
  adapterLoadMs: delayMs,
  jitter: z.number().min(0).max(1),
  loadFactor: z.number().min(1).max(100),
}

/** Tokens of an answer. The bound is above any context window, and bounds the memory. */
export const answerTokensField = z.int().min(1).max(1_000_000)

const settingsChangeSchema = z
  .strictObject({
    latency: z.strictObject({ profile: z.enum(latencyProfileNames), ...latencyFields }).partial(),
    tokens: answerTokensField,
    faults: z.array(injectionSchema).max(100),
  })
  .partial()

/** What can change while a server runs: a field that is given replaces the one before, in `latency` each field by itself. */
export type SettingsChange = z.input<typeof settingsChangeSchema>

/** @throws RefusedError 400 naming each field at fault. */
export function parseSettingsChange(value: unknown): SettingsChange {
  const result = settingsChangeSchema.safeParse(value)
  if (!result.success) throw badRequest(problemsOf(result.error), pathOf(result.error.issues[0]) || null)
  return result.data
}

/** Each problem with the field that it is in, e.g. `faults[0].rate: Too big: expected number to be <=1`. */
export function problemsOf(error: z.ZodError): string {
  return error.issues.map((issue) => [pathOf(issue), issue.message].filter(Boolean).join(': ')).join('; ')
}

function pathOf(issue: z.core.$ZodIssue): string {
  const keys = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : issue.path
  return keys
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .replace(/^\./, '')
}

export type SettingsView = {
  readonly latency: Latency
  readonly tokens: number
  readonly faults: readonly Injection[]
}

/** Tokens of an answer that neither its request nor the settings limit. */
export const defaultAnswerTokens = 16

/** How the server behaves at this moment. */
export class Settings {
  readonly faults = new FaultPlan()
  #latency: Latency = latencyProfiles.instant
  #tokens = defaultAnswerTokens

  get latency(): Latency {
    return this.#latency
  }

  /** Tokens of an answer that its request does not limit. */
  get tokens(): number {
    return this.#tokens
  }

  change({ latency, tokens, faults }: SettingsChange): void {
    if (latency !== undefined) this.#latency = changeLatency(this.#latency, latency)
    if (tokens !== undefined) this.#tokens = tokens
    if (faults !== undefined) this.faults.set(faults)
  }

  view(): SettingsView {
    return { latency: this.#latency, tokens: this.#tokens, faults: this.faults.injections }
  }
}

function changeLatency(before: Latency, change: NonNullable<SettingsChange['latency']>): Latency {
  const base = change.profile === undefined ? before : latencyProfiles[change.profile]
  return {
    ttftMs: change.ttftMs ?? base.ttftMs,
    itlMs: change.itlMs ?? base.itlMs,
    promptTokenMs: change.promptTokenMs ?? base.promptTokenMs,
    adapterLoadMs: change.adapterLoadMs ?? base.adapterLoadMs,
    jitter: change.jitter ?? base.jitter,
    loadFactor: change.loadFactor ?? base.loadFactor,
  }
}
