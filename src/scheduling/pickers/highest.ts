import type { Endpoint } from '../../pool/endpoint.ts'

/**
 * Up to `count` candidates with the highest keys, best first; `keys[i]` belongs to `candidates[i]`, none is NaN. Equal
 * keys are put in random order, every order being as likely as any other.
 */
export function highest(
  candidates: readonly Endpoint[],
  keys: Float64Array,
  count: number,
  random: () => number,
): readonly Endpoint[] {
  const best: Ranked[] = []
  for (let i = 0; i < candidates.length; i += 1) {
    const full = best.length === count
    if (full && keys[i] < best[count - 1].key) continue
    const draw = random()
    if (full && !ranksAbove(keys[i], draw, best[count - 1])) continue
    let place = best.length
    while (place > 0 && ranksAbove(keys[i], draw, best[place - 1])) place -= 1
    best.splice(place, 0, { endpoint: candidates[i], key: keys[i], draw })
    if (full) best.pop()
  }
  return best.map(({ endpoint }) => endpoint)
}

type Ranked = { readonly endpoint: Endpoint; readonly key: number; readonly draw: number }

function ranksAbove(key: number, draw: number, other: Ranked): boolean {
  return key > other.key || (key === other.key && draw > other.draw)
}
