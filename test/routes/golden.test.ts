import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { routes } from '../cli/run-routes.ts'

/** `NAME.input.yaml` prints `NAME.yaml`, and `NAME.errors.txt` where there are any; `vitest run test/routes --update` writes them anew. */
const folder = join(import.meta.dirname, 'golden')
const names = globSync('*/*.input.yaml', { cwd: folder }).map((name) => name.replace('.input.yaml', ''))

describe('what is printed for', () => {
  test.each(names.sort())('%s', async (name) => {
    const [input, output, errors] = ['input.yaml', 'yaml', 'errors.txt'].map((end) => join(folder, `${name}.${end}`))
    const { stdout, stderr, exitCode } = await routes('-f', input)
    await expect(stdout).toMatchFileSnapshot(output)
    const said = stderr.replaceAll(`${folder}/`, '')
    if (stderr !== '' || existsSync(errors)) await expect(said).toMatchFileSnapshot(errors)
    expect(exitCode).toBe(stderr === '' ? 0 : 1)
  })
})
