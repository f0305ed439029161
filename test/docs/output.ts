/** What differs from run to run, by what stands for it. Columns move with it, so that runs of spaces count as one. */
const varying: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:PORT'],
  [/\b[\d.]+ ?(ms|s|m|h)\b/g, 'DURATION'],
  [/ {2,}/g, '  '],
  [/\r/g, ''],
  [/ +$/gm, ''],
]

const normalise = (text: string): string => varying.reduce((so, [from, to]) => so.replaceAll(from, to), text).trim()

/** Whether a program has printed what a document shows. `…` stands for any text, on a line of its own for any lines. */
export function isShown(shown: string, printed: string): boolean {
  const parts = normalise(shown).split(/^\s*…$\n?|…/m)
  const pattern = parts.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*')
  return new RegExp(`^${pattern}$`, 's').test(normalise(printed))
}
