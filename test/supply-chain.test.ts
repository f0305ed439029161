import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

type Locked = {
  readonly version: string
  readonly integrity?: string
  readonly license?: string
  readonly hasInstallScript?: true
  /** Of development alone: not in the image. */
  readonly dev?: true
}
const manifest: Record<string, Record<string, string>> = JSON.parse(textOf('package.json'))
const lock: { packages: Record<string, Locked & Record<string, unknown>> } = JSON.parse(textOf('package-lock.json'))
const { '': ours, ...others } = lock.packages
const packages = Object.entries(others).map(([path, locked]) => ({ path, ...locked }))

/** Licences of what goes into the image: none that asks for more than that its text goes with it. */
const allowedLicences = new Set([
  ...['0BSD', 'Apache-2.0', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0', 'Unlicense'],
  '(Apache-2.0 AND BSD-3-Clause)',
])

describe('the lockfile', () => {
  test('is that of package.json, which pins each version', () => {
    for (const kind of ['dependencies', 'optionalDependencies', 'devDependencies']) {
      expect(ours[kind], kind).toEqual(manifest[kind])
      for (const [name, version] of Object.entries(manifest[kind])) {
        expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
        expect(others[`node_modules/${name}`].version, name).toBe(version)
      }
    }
  })

  test('has a strong digest of every package, and says of none where to fetch it', () => {
    expect(packages.filter(({ integrity }) => !integrity?.startsWith('sha512-'))).toEqual([])
    expect(packages.filter((locked) => 'resolved' in locked)).toEqual([])
  })
})

test('no package runs a script of its own when it is installed', () => {
  // The one that has a script (it warns of version ranges) does without.
  expect(packages.filter(({ hasInstallScript }) => hasInstallScript).map(({ path }) => path)).toEqual([
    'node_modules/protobufjs',
  ])
  expect(textOf('.npmrc')).toMatch(/^ignore-scripts=true$/m)
  for (const line of textOf('Dockerfile').matchAll(/^RUN (npm (?:ci|prune).*)$/gm)) {
    expect(line[1]).toContain('--ignore-scripts')
  }
})

test('every package of the image has a licence that is allowed', () => {
  const production = packages.filter(({ dev }) => !dev)
  expect(production.length).toBeGreaterThan(10)
  expect(
    production
      .filter(({ license }) => !allowedLicences.has(license ?? 'none'))
      .map(({ path, license }) => `${path}: ${license}`),
  ).toEqual([])
})
