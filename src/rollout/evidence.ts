/**
 * How strongly counts speak against a share. The evidence is a likelihood ratio: the mean of those of a few larger shares against
 * the one in question. As long as the true share is not above that one, the chance that the evidence *ever* reaches N is at most 1/N,
 * however often one looks (Ville's inequality for nonnegative supermartingales), and from the first sample on.
 */

/** The shares that compete are powers of the share in question: whatever that is, they lie between it and 1. */
const exponents = [3 / 4, 1 / 4, 1 / 8]

/** Shares are taken for no less than this, and no more than 1 less it. */
const smallestShare = 1e-6

/** Natural logarithm of the evidence that more than `share` are hits, after `hits` of `total`; 0 speaks for nothing. */
export function evidenceAbove(share: number, hits: number, total: number): number {
  const assumed = Math.max(smallestShare, share)
  if (total === 0 || assumed > 1 - smallestShare) return 0
  const ratios = exponents.map((exponent) => {
    const other = assumed ** exponent
    return hits * Math.log(other / assumed) + (total - hits) * Math.log((1 - other) / (1 - assumed))
  })
  const largest = Math.max(...ratios)
  const mean = ratios.reduce((sum, ratio) => sum + Math.exp(ratio - largest), 0) / ratios.length
  return largest + Math.log(mean)
}

/** The share that the true one is not above, with the chance `errorChance` that this is wrong at any look. */
export function shareAtMost(hits: number, total: number, errorChance: number): number {
  const enough = -Math.log(errorChance)
  let low = total === 0 ? 1 : hits / total
  let high = 1
  for (let step = 0; step < 30 && high - low > 1e-5; step += 1) {
    const middle = (low + high) / 2
    // That hits are rarer is that misses are more frequent.
    if (evidenceAbove(1 - middle, total - hits, total) >= enough) high = middle
    else low = middle
  }
  return high
}
