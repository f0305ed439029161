// Runs the project's checks and tests, and says what it does.
//   --static   types and style only
//   --unit     without the tests that start real programs
//   --e2e      only those
// The last line is "N passed, N failed[, N skipped]".
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const only = process.argv[2]
const results = { passed: 0, failed: 0, skipped: 0 }
/** What failed, a line each, told again at the end: what the tests wrote is long. */
const failures: string[] = []

type Check = { readonly command: string; readonly args: readonly string[] }

/** What one check wrote, when it has ended, if it does not write to the terminal itself. */
type Ended = { readonly isGreen: boolean; readonly output: string }

function run({ command, args }: Check, stdio: 'inherit' | 'pipe'): Promise<Ended> {
  const bin = join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const program = spawn(join(bin, command), args, { cwd: root, env, stdio: ['ignore', stdio, stdio] })
  let output = ''
  for (const stream of [program.stdout, program.stderr])
    stream?.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    program.on('error', reject)
    program.on('close', (code) => resolve({ isGreen: code === 0, output }))
  })
}

async function check(what: string, command: string, args: readonly string[]): Promise<void> {
  console.log(`\n== ${what}`)
  const { isGreen } = await run({ command, args }, 'inherit')
  results[isGreen ? 'passed' : 'failed']++
  if (!isGreen) failures.push(what)
}

/** What is read here of vitest's JSON report. */
type Report = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: readonly {
    /** Path of the file. */
    readonly name: string
    readonly status: string
    /** Why the file could not be run. */
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

const firstLine = (text: string | undefined) => (text ?? '').trimStart().split('\n', 1)[0]

/** The failed tests of a report, and the files that could not be run. */
function failuresOf(report: Report): string[] {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name)
    const failed = assertionResults.filter((test) => test.status === 'failed')
    if (failed.length === 0 && status === 'failed') return [`${file}: ${firstLine(message)}`]
    return failed.map((test) => `${file}: ${test.fullName}: ${firstLine(test.failureMessages[0])}`)
  })
}

/** Runs a project's tests. What a run beside another one writes is shown when all have ended. */
async function vitest(what: string, project: string, flags: readonly string[], stdio: 'inherit' | 'pipe' = 'inherit') {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-test-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  if (stdio === 'inherit') console.log(`\n== ${what}`)
  const args = ['run', '--project', project, ...reporters, ...flags]
  const { isGreen, output } = await run({ command: 'vitest', args }, stdio)
  let counted: Report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, testResults: [] }
  try {
    counted = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    // No report: the runner itself failed, which counts below.
  }
  rmSync(folder, { recursive: true })
  results.passed += counted.numPassedTests
  results.skipped += counted.numPendingTests
  // A file that can't be loaded, or an error outside of any test, fails the run without a failed test.
  results.failed += isGreen ? counted.numFailedTests : Math.max(1, counted.numFailedTests)
  const told = failuresOf(counted)
  failures.push(...(isGreen || told.length > 0 ? told : [`${what}: an error outside of the tests, told above`]))
  return () => stdio === 'pipe' && process.stdout.write(`\n== ${what}\n${output}`)
}

if (only === undefined || only === '--static') {
  await check('types (tsc)', 'tsc', ['-p', '.'])
  await check('types of the admin page (tsc)', 'tsc', ['-p', 'tsconfig.page.json'])
  await check('style (biome)', 'biome', ['ci', '--error-on-warnings', '.'])
}
if (only === undefined || only === '--unit') await vitest('unit tests', 'unit', [])
if (only === undefined || only === '--e2e') {
  // They wait more than they work. Envoy Gateway has fixed ports, so of its tests there is one at a time.
  const shows = await Promise.all([
    vitest('with a real Envoy, and a real Kubernetes API', 'e2e', ['--maxWorkers=4']),
    vitest('with a real Envoy Gateway', 'gateway', [], 'pipe'),
  ])
  for (const show of shows) show()
}

if (failures.length > 0) console.log(`\nfailed:\n${failures.map((failure) => `  ${failure}`).join('\n')}`)
const skipped = results.skipped > 0 ? `, ${results.skipped} skipped` : ''
console.log(`\n${results.passed} passed, ${results.failed} failed${skipped}`)
process.exit(results.failed === 0 ? 0 : 1)
