import { type Rejection, rejection } from './rejection.ts'

const shed = Object.freeze(
  rejection('rejected-saturated', 1, 'the model servers are busy, and requests of a negative priority do not wait'),
)

/**
 * Admission without flow control: a request with a priority below 0 is refused while the pool is full, all others go on.
 *
 * @param saturation 1 is full
 */
export function shedding(priority: number, saturation: number): Rejection | undefined {
  return priority < 0 && saturation >= 1 ? shed : undefined
}
