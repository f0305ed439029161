import { didYouMean } from '../../catalog/nearest.ts'
import { canary } from './canary.ts'
import { endpointLoss } from './endpoint-loss.ts'
import { lora } from './lora.ts'
import { overload } from './overload.ts'
import { prefix } from './prefix.ts'
import type { Scenario } from './scenario.ts'

/** In the order of the help. */
export const scenarios: readonly Scenario[] = [canary, lora, prefix, overload, endpointLoss]

/** @throws an Error for people that names those that there are, and which was probably meant. */
export function scenarioNamed(name: string): Scenario {
  const found = scenarios.find((each) => each.name === name)
  if (found !== undefined) return found
  const names = scenarios.map((each) => each.name)
  throw new Error(`There is no scenario "${name}"${didYouMean(name, names) || '.'} There are ${names.join(', ')}.`)
}
