import type { Random } from './random.ts'

/**
 * Something that takes what others write, and the promise that it keeps whatever that is.
 * A case is plain JSON (bytes as latin1 text), so that it can be kept in a file and tried again when generators have changed.
 */
export type Target<Case = unknown> = {
  readonly name: string
  /** For people: what holds of every case. */
  readonly promise: string
  generate(random: Random): Case
  /** @throws when the promise is broken */
  check(input: Case): void | Promise<void>
}

/** A target whose cases others need not know. */
export const defineTarget = <Case>(target: Target<Case>): Target => target as Target

/** Bytes and how to cut them. */
export type BytesCase = { readonly bytes: string; readonly cut: number }

export const toText = (bytes: Buffer): string => bytes.toString('latin1')
export const toBytes = (text: string): Buffer => Buffer.from(text, 'latin1')
