import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { PathError, readOneFile, readPath } from '../../src/sources/paths.ts'
import { makeTempDirectory } from './temp-directory.ts'

const isRoot = process.getuid?.() === 0

describe('a file', () => {
  test('of any name is read', async () => {
    const path = join(await makeTempDirectory(), 'manifest.txt')
    await writeFile(path, '\ufeffkind: Größe\n')
    expect(await readPath(path)).toEqual({ isDirectory: false, files: [{ path, text: 'kind: Größe\n' }] })
    expect(await readOneFile(path)).toBe('kind: Größe\n')
  })

  test.each([
    ['that is missing', async () => {}, 'no such file or directory', true],
    ['that is not UTF-8', (path: string) => writeFile(path, Buffer.from([0x61, 0xff])), 'is not UTF-8 text', false],
    [
      'that is too large',
      (path: string) => writeFile(path, Buffer.alloc(16 * 1024 * 1024 + 1)),
      'found 16777217 bytes, allowed: at most 16777216',
      false,
    ],
  ])('%s is an error', async (_, make, message, gone) => {
    const path = join(await makeTempDirectory(), 'a.yaml')
    await make(path)
    for (const read of [readPath, readOneFile]) {
      const error = await read(path).catch((error: unknown) => error)
      expect(error).toBeInstanceOf(PathError)
      expect(error).toMatchObject({ path, message, gone })
    }
  })

  test.skipIf(isRoot)('without permission is an error', async () => {
    const path = join(await makeTempDirectory(), 'a.yaml')
    await writeFile(path, '')
    await chmod(path, 0)
    await expect(readPath(path)).rejects.toMatchObject({ message: 'permission denied', gone: false })
  })

  test('is asked for, not a directory', async () => {
    await expect(readOneFile(await makeTempDirectory())).rejects.toMatchObject({ message: 'is a directory' })
  })
})

describe('a directory', () => {
  test('gives its manifests in order of their names', async () => {
    const directory = await makeTempDirectory()
    for (const name of ['b.yml', 'a.yaml', 'c.json', 'd.txt', '.e.yaml', 'yaml', 'f.yaml~', 'g.YAML']) {
      await writeFile(join(directory, name), name)
    }
    await mkdir(join(directory, 'h.yaml'))
    await writeFile(join(directory, 'h.yaml', 'i.yaml'), '')
    const files = ['a.yaml', 'b.yml', 'c.json'].map((name) => ({ path: join(directory, name), text: name }))
    expect(await readPath(directory)).toEqual({ isDirectory: true, files })
  })

  test('may be empty', async () => {
    expect(await readPath(await makeTempDirectory())).toEqual({ isDirectory: true, files: [] })
  })

  test('may be a mounted ConfigMap', async () => {
    const directory = await makeTempDirectory()
    await mkdir(join(directory, '..2026'))
    await writeFile(join(directory, '..2026', 'a.yaml'), 'a: 1')
    await symlink('..2026', join(directory, '..data'))
    await symlink('..data/a.yaml', join(directory, 'a.yaml'))
    expect((await readPath(directory)).files).toEqual([{ path: join(directory, 'a.yaml'), text: 'a: 1' }])
  })

  test('may hold files that fail alone', async () => {
    const directory = await makeTempDirectory()
    await symlink('nowhere', join(directory, 'a.yaml'))
    await writeFile(join(directory, 'b.yaml'), Buffer.from([0xff]))
    await writeFile(join(directory, 'c.yaml'), 'c')
    expect((await readPath(directory)).files).toEqual([
      { path: join(directory, 'a.yaml'), failure: 'no such file or directory' },
      { path: join(directory, 'b.yaml'), failure: 'is not UTF-8 text' },
      { path: join(directory, 'c.yaml'), text: 'c' },
    ])
  })
})
