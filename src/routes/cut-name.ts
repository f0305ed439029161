import { createHash } from 'node:crypto'

const maxChars = 63

/**
 * A derived name as it is, or cut to 63 characters: 8 of a hash that tells names of one end apart, `-`, and the last 54. The
 * hash begins with a letter, as names of Services have to.
 */
export function cutName(name: string): string {
  if (name.length <= maxChars) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return `${hash.replace(/^[0-9]/, 'a')}-${name.slice(-54)}`
}
