// Runs the project's checks and tests, and says what it does.
//   --static   types and style only
//   --unit     without the tests that start real programs
//   --e2e      only those
// The last line is "N passed, N failed[, N skipped]".
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const only = process.argv[2]
const results = { passed: 0, failed: 0, skipped: 0 }

function run(what: string, command: string, args: readonly string[]): boolean {
  console.log(`\n== ${what}`)
  const bin = join(root, 'node_modules', '.bin')
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  return spawnSync(join(bin, command), args, { cwd: root, env, stdio: 'inherit' }).status === 0
}

function check(what: string, command: string, args: readonly string[]): void {
  results[run(what, command, args) ? 'passed' : 'failed']++
}

function vitest(what: string, project: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-test-'))
  const report = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const isGreen = run(what, 'vitest', ['run', '--project', project, ...reporters])
  let counted = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 }
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
}

if (only === undefined || only === '--static') {
  check('types (tsc)', 'tsc', ['-p', '.'])
  check('style (biome)', 'biome', ['ci', '--error-on-warnings', '.'])
}
if (only === undefined || only === '--unit') vitest('unit tests', 'unit')
if (only === undefined || only === '--e2e') vitest('end to end, with a real Envoy', 'e2e')

const skipped = results.skipped > 0 ? `, ${results.skipped} skipped` : ''
console.log(`\n${results.passed} passed, ${results.failed} failed${skipped}`)
process.exit(results.failed === 0 ? 0 : 1)
