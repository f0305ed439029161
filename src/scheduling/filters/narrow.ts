import type { Endpoint } from '../../pool/endpoint.ts'

/** The candidates that `keeps` is true for, in their order; the same array when it is for all. */
export function narrow<By>(
  candidates: readonly Endpoint[],
  keeps: (endpoint: Endpoint, by: By) => boolean,
  by: By,
): readonly Endpoint[] {
  let kept = 0
  while (kept < candidates.length && keeps(candidates[kept], by)) kept += 1
  if (kept === candidates.length) return candidates
  const left = candidates.slice(0, kept)
  for (let i = kept + 1; i < candidates.length; i += 1) if (keeps(candidates[i], by)) left.push(candidates[i])
  return left
}

/** The same, but all of them when it would leave none. */
export function narrowIfAny<By>(
  candidates: readonly Endpoint[],
  keeps: (endpoint: Endpoint, by: By) => boolean,
  by: By,
): readonly Endpoint[] {
  const left = narrow(candidates, keeps, by)
  return left.length > 0 ? left : candidates
}
