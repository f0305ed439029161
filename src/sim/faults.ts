import { z } from 'zod'
import type { Random } from './random.ts'

/** A day: longer than any test waits, and short enough for a timer. */
const maxWaitMs = 24 * 60 * 60 * 1000

const status = z.int().min(400).max(599)
const chunks = z.int().min(0).max(1_000_000)
const forMs = z.number().positive().max(maxWaitMs)

/** How long a server stops listening, in milliseconds. */
export const refuseForMsField = forMs

/** The fields of every kind of fault; `extra` is what all kinds have besides. */
function kinds<Extra extends z.ZodRawShape>(extra: Extra) {
  return [
    z.strictObject({
      kind: z.literal('status'),
      code: status,
      retryAfterSeconds: z.int().min(0).optional(),
      ...extra,
    }),
    z.strictObject({
      kind: z.literal('stall'),
      forMs: forMs.optional(),
      afterChunks: chunks.optional(),
      ...extra,
    }),
    z.strictObject({ kind: z.literal('abort'), afterChunks: chunks.optional(), ...extra }),
    z.strictObject({ kind: z.literal('truncate'), afterChunks: chunks.optional(), ...extra }),
    z.strictObject({ kind: z.literal('split'), maxBytes: z.int().min(1).max(65_536).optional(), ...extra }),
    z.strictObject({ kind: z.literal('slow-read'), bytesPerSecond: z.number().min(1), ...extra }),
  ] as const
}

const unknownKind = { error: 'expected kind status, stall, abort, truncate, split or slow-read' }

/**
 * What goes wrong with one request. A chunk is one SSE event, or one half of a JSON answer.
 *
 * - `status`: answers with this error instead, after the body.
 * - `stall`: falls silent for `forMs` (without it, for ever), before the headers or after `afterChunks` chunks.
 * - `abort`: closes the connection, before any answer or after `afterChunks` chunks (0: after the headers).
 * - `truncate`: ends the answer properly in the middle of the chunk that follows `afterChunks` (1 by default) chunks.
 * - `split`: writes the answer in pieces of 1 to `maxBytes` (7 by default) bytes, wherever these borders fall.
 * - `slow-read`: reads the request body no faster than `bytesPerSecond`, with a pause after each read of up to 64 KiB.
 */
export type Fault = z.infer<typeof faultSchema>
export const faultSchema = z.discriminatedUnion('kind', kinds({}), unknownKind)

/**
 * A fault of the whole server: for a share of requests (`rate`, 0 to 1), for the `first` so many, for those of one `model` (the base
 * model or an adapter; not for `slow-read`, as the body names it), or for all.
 */
export type Injection = z.infer<typeof injectionSchema>
export const injectionSchema = z.discriminatedUnion(
  'kind',
  kinds({
    rate: z.number().min(0).max(1).optional(),
    first: z.int().min(1).optional(),
    model: z.string().min(1).optional(),
  }),
  unknownKind,
)

/** The field that `KIND=VALUE` sets. */
const mainField: Record<Fault['kind'], string> = {
  status: 'code',
  stall: 'forMs',
  abort: 'afterChunks',
  truncate: 'afterChunks',
  split: 'maxBytes',
  'slow-read': 'bytesPerSecond',
}

/**
 * Reads `KIND[=VALUE][;FIELD=VALUE]…`, e.g. `status=503;rate=0.1` or `stall;afterChunks=3`, into what the schemas take.
 * It checks nothing: that is for {@link faultSchema} (a request's header) and {@link injectionSchema} (a flag).
 */
export function parseFaultText(text: string): Record<string, unknown> {
  const [[kind, value], ...fields] = text.split(';').map((part) => {
    const [name, ...rest] = part.split('=')
    return [name.trim(), rest.length === 0 ? undefined : rest.join('=').trim()] as const
  })
  const fault: Record<string, unknown> = { kind }
  if (value !== undefined) fault[mainField[kind as Fault['kind']] ?? 'value'] = numberOf(value)
  for (const [name, fieldValue] of fields) fault[name] = numberOf(fieldValue)
  return fault
}

/** Every field is a number; what is none stays text for the schema to refuse. */
function numberOf(value: string | undefined): unknown {
  const number = Number(value)
  return value === undefined || value === '' || Number.isNaN(number) ? value : number
}

/** Decides which request meets which of the server's faults. */
export class FaultPlan {
  #injections: readonly Injection[] = []
  #left: number[] = []

  get injections(): readonly Injection[] {
    return this.#injections
  }

  /** Replaces all; every `first` counts from here. */
  set(injections: readonly Injection[]): void {
    this.#injections = [...injections]
    this.#left = injections.map(({ first }) => first ?? Number.POSITIVE_INFINITY)
  }

  /**
   * The first injection of the list that strikes; a request meets one at most.
   * @param model draws of the injections for this model alone; without it of those for any model.
   */
  draw(random: Random, model?: string): Fault | undefined {
    for (const [index, injection] of this.#injections.entries()) {
      if (injection.model !== model || this.#left[index] === 0) continue
      if (injection.rate !== undefined && random() >= injection.rate) continue
      this.#left[index] -= 1
      return injection
    }
    return undefined
  }
}
