import { BodyScanner } from '../../src/request/scan.ts'

/** All that a scanner has found. */
export function findings(scanner: BodyScanner) {
  const { model, user, promptCacheKey, stream, maxTokens, promptStart, promptEnd, modelSpans, error } = scanner
  return { model, user, promptCacheKey, stream, maxTokens, promptStart, promptEnd, modelSpans, error }
}
export type Findings = ReturnType<typeof findings>

/** Scans the pieces, and overwrites each one as soon as it has been read: nothing of it may be needed later. */
export function scanPieces(pieces: readonly Buffer[]): Findings {
  const scanner = new BodyScanner()
  for (const piece of pieces) {
    scanner.push(piece)
    piece.fill('#')
  }
  scanner.end()
  return findings(scanner)
}
