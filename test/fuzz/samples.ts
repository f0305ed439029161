import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** The YAML files of a folder of the checkout. */
export function yamlFilesIn(folder: string, name = /\.yaml$/): string[] {
  return readdirSync(join(root, folder))
    .filter((file) => name.test(file))
    .sort()
    .map((file) => readFileSync(join(root, folder, file), 'utf8'))
}

/** Keys and values that the samples are written with: the words of their language. */
export function wordsOf(samples: readonly string[]): string[] {
  const words = samples.flatMap((text) => text.match(/[\w./-]{3,}:?/g) ?? [])
  return [...new Set(words)]
}

/** What is special to YAML. */
export const yamlWords = [
  ...['- ', '\n- ', ': ', '\n---\n', '\n...\n', '&a ', '*a', '<<: *a', '!!str ', '!!binary ', '!!set', '|\n', '>-\n'],
  ...[
    '{',
    '}',
    '[',
    ']',
    '{}',
    '[]',
    '? ',
    '# ',
    '%YAML 1.2\n',
    '@',
    '`',
    '\n  ',
    '\n    ',
    '\t',
    'null',
    '~',
    '"\\x41"',
  ],
  ...['0o17', '017', '1:30', '2026-01-31', 'no', 'on', '.inf', '.nan', '[[[[[[[[', '{a: {a: {a: ', '- - - - - - '],
]
