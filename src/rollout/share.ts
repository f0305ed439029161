type Weighted = { readonly name: string; readonly weight: number }

/** What all targets of a split have together while one is rolled out: weights are percent. */
export const wholePercent = 100

/**
 * `targets` with the weights that they have when `name` is rolled out as far as `weightPercent`: the others share the rest as their own
 * weights say. The one that is rolled out comes last, so that those who have it keep it while its weight grows. Undefined where it
 * is not among them, or nothing else is.
 */
export function shareOut<Target extends Weighted>(
  targets: readonly Target[],
  name: string,
  weightPercent: number,
): readonly Target[] | undefined {
  const target = targets.find((each) => each.name === name)
  const stable = targets.filter((each) => each.name !== name)
  if (target === undefined || stable.length === 0) return undefined
  const stableWeight = stable.reduce((sum, { weight }) => sum + weight, 0)
  const rest = wholePercent - weightPercent
  return [
    ...stable.map((each) => ({ ...each, weight: (each.weight / stableWeight) * rest })),
    { ...target, weight: weightPercent },
  ]
}
