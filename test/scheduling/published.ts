import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** The configurations of `configurations.yaml`. */
export const publishedConfigurations: readonly unknown[] = Object.values(
  parse(readFileSync(new URL('./configurations.yaml', import.meta.url), 'utf8')),
)
