/** Characters are code points here, as people count them; a string has up to twice as many code units. */
export const countCharacters = (text: string): number => [...text].length

export function firstCharacters(text: string, max: number): string {
  return [...text.slice(0, 2 * max)].slice(0, max).join('')
}
