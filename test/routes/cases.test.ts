import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { routes } from '../cli/run-routes.ts'
import { routeCases } from '../real/route-cases.ts'

const { folder, missing } = routeCases
if (missing.length > 0) console.log(`skipped: ${missing.join('; ')}`)

const cases =
  missing.length > 0
    ? []
    : ['ome', 'aim'].flatMap((kind) => readdirSync(join(folder, kind)).map((name) => join(kind, name)))

/** Judges all cases in one process: what compare.py says of each, as JSON. */
const judge = `
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
import compare
said = {}
for name, arguments in json.load(sys.stdin).items():
    sys.argv = ['compare.py', *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        status = compare.main()
    said[name] = [status, *out.getvalue().splitlines()]
json.dump(said, sys.stdout)
`

describe.skipIf(missing.length > 0)('each case prints what is expected, and has its exit status', () => {
  const output = mkdtempSync(join(tmpdir(), 'signalbox-'))
  afterAll(() => rmSync(output, { recursive: true }))
  let said: Record<string, unknown> = {}

  beforeAll(async () => {
    const runs: Record<string, readonly string[]> = {}
    for (const [index, name] of cases.entries()) {
      const { stdout, exitCode } = await routes('-f', join(folder, name, 'input.yaml'))
      const printed = join(output, `${index}.yaml`)
      writeFileSync(printed, stdout)
      runs[name] = [join(folder, name, 'expected.yaml'), printed, '--exit-code', `${exitCode}`]
    }
    const options = { input: JSON.stringify(runs), encoding: 'utf8', maxBuffer: 2 ** 26 } as const
    const { stdout, stderr } = spawnSync('python3', ['-Bc', judge, folder], options)
    expect(stderr).toBe('')
    said = JSON.parse(stdout)
  })

  test.each(cases)('%s', (name) => {
    expect(said[name]).toEqual([0])
  })
})
