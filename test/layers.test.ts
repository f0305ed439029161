import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const src = join(dirname(fileURLToPath(import.meta.url)), '../src')

/** Folders of src/ whose files must not import from those of another. */
const walls: readonly { from: readonly string[]; to: readonly string[] }[] = [
  { from: ['http2'], to: readdirSync(src).filter((name) => name !== 'http2') },
  { from: ['extproc', 'request', 'scheduling'], to: ['sources', 'controller', 'routes', 'cli', 'sim', 'demo'] },
  { from: ['sources', 'controller', 'routes', 'catalog', 'kubernetes'], to: ['request', 'extproc'] },
  { from: ['extproc', 'request', 'scheduling', 'catalog', 'pool'], to: ['kubernetes', 'extension', 'preflight'] },
  { from: ['kubernetes'], to: ['sources', 'controller', 'extension', 'preflight', 'cli'] },
  { from: ['routes'], to: ['controller', 'extension', 'preflight', 'cli', 'pool', 'scheduling'] },
  { from: ['pool', 'scheduling', 'admission'], to: ['extproc', 'request'] },
  { from: ['admission', 'response'], to: ['sources', 'controller', 'routes', 'cli', 'sim', 'demo'] },
  { from: ['sim'], to: ['extproc', 'request', 'catalog', 'pool', 'scheduling', 'sources'] },
]

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8')
  return [...text.matchAll(/from '(\.[^']+)'|import\('(\.[^']+)'\)/g)].map(([, static_, dynamic]) =>
    relative(src, join(src, dirname(file), static_ ?? dynamic)),
  )
}

const folderOf = (path: string): string => path.split('/')[0]

/** Folders that are a room of their own inside of another. */
const doors: readonly { inside: string; only: readonly string[] }[] = [
  { inside: 'routes/printing', only: ['cli/routes.ts'] },
  { inside: 'routes/ome', only: ['routes/compile.ts', 'controller/service-status.ts'] },
  { inside: 'routes/aim', only: ['routes/compile.ts', 'controller/surplus.ts'] },
]

describe('the request path and the control plane do not know each other', () => {
  test('there is something to look at', () => {
    expect(files.flatMap(importsOf).length).toBeGreaterThan(100)
  })

  test.each(walls)('$from never import $to', ({ from, to }) => {
    const crossings = files
      .filter((file) => from.includes(folderOf(file)))
      .flatMap((file) => importsOf(file).map((target) => ({ file, target })))
      .filter(({ target }) => to.includes(folderOf(target)))
    expect(crossings).toEqual([])
  })

  test.each(doors)('$inside is entered from $only alone', ({ inside, only }) => {
    const entering = files
      .filter((file) => !file.startsWith(`${inside}/`))
      .filter((file) => importsOf(file).some((target) => target.startsWith(`${inside}/`)))
    expect(entering.sort()).toEqual([...only].sort())
  })
})
