/** What a path template makes, or why it makes nothing. */
export type PathResult = { readonly path: string } | { readonly cause: string }

const maxBytes = 200
const maxSegmentChars = 63

/**
 * The path of a route, from rendered text: a leading `/`, none at the end, and every segment by {@link toSegment}. A path that
 * was made here comes out as it is.
 */
export function normalisePath(rendered: string): PathResult {
  const trimmed = rendered.trim()
  if (trimmed === '') return { cause: 'route template produced an empty path' }
  const path = (trimmed.startsWith('/') ? trimmed : `/${trimmed}`).replace(/(?<!\/)\/+$/, '')
  // What follows never makes it longer: each character becomes at most as many bytes as it had.
  if (Buffer.byteLength(path) > maxBytes) return { cause: `rendered path exceeds ${maxBytes} characters` }
  const segments = path.split('/').map(toSegment)
  return { path: `/${segments.filter((segment) => segment !== '').join('/')}` }
}

/** Lower case; each character other than a-z, 0-9 and `-` becomes `-`; no `-` at the ends; at most 63 characters. */
export function toSegment(text: string): string {
  const plain = text.toLowerCase().replace(/[^a-z0-9-]/gu, '-')
  return trimDashes(trimDashes(plain).slice(0, maxSegmentChars))
}

function trimDashes(text: string): string {
  let start = 0
  let end = text.length
  while (start < end && text[start] === '-') start++
  while (end > start && text[end - 1] === '-') end--
  return text.slice(start, end)
}
