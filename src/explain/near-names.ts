import { nearest } from '../catalog/nearest.ts'

/** Anyone can ask for any name: it is compared with so many, and only a short one, so that it takes well under a millisecond. */
const maxComparedNames = 200
const maxComparedLength = 64
const maxNames = 3

/** Names like the one that is not served, the nearest first. */
export function nearNames(name: string, served: readonly string[]): readonly string[] {
  if (name.length === 0 || name.length > maxComparedLength || served.length > maxComparedNames) return []
  const found: string[] = []
  let left = served
  while (found.length < maxNames) {
    const near = nearest(name, left)
    if (near === undefined) break
    found.push(near)
    left = left.filter((each) => each !== near)
  }
  return found
}
