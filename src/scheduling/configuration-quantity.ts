import { z } from 'zod'
import { show } from '../catalog/fields.ts'

const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
}

const shape = /^\+?(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,2})|(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?)$/

/** A Kubernetes quantity, not negative, such as `4Gi`, `10k`, `1e3` or `500`: its value, rounded up. */
export const quantity = z.unknown().transform((given, context) => {
  const [, digits, exponent, suffix] = shape.exec(String(given)) ?? []
  const value = Math.ceil(Number(digits) * (exponent === undefined ? suffixes[suffix ?? ''] : 10 ** Number(exponent)))
  if (Number.isSafeInteger(value)) return value
  context.addIssue({ code: 'custom', message: `found ${show(given)}, allowed: a quantity such as 500, 10k or 4Gi` })
  return z.NEVER
})
