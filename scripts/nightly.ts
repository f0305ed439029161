// What takes too long for each change, once a night: advisories for what the image is made of, then every fuzz target for an hour
// of CPU or 10,000,000 cases. Arguments go to scripts/fuzz.ts. Exits with 1 when anything was found.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** What `npm audit --json` writes, as far as it is read; of a registry without advisories only why there are none. */
type Audit = { readonly message?: string; readonly vulnerabilities?: Readonly<Record<string, { severity: string }>> }

/** Whether there are no advisories for what goes into the image. */
function audit(): boolean {
  console.log('\n== advisories (npm audit)')
  const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: root, encoding: 'utf8' })
  const { message, vulnerabilities }: Audit = JSON.parse(stdout)
  if (vulnerabilities === undefined) {
    console.log(`not known: ${message}`)
    return true
  }
  const lines = Object.entries(vulnerabilities).map(([name, { severity }]) => `${name}: ${severity}`)
  console.log(lines.length === 0 ? 'none' : lines.join('\n'))
  return lines.length === 0
}

function fuzz(): boolean {
  console.log('\n== fuzzing')
  const args = [join(root, 'scripts/fuzz.ts'), ...process.argv.slice(2)]
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0
}

const outcomes = [audit(), fuzz()]
process.exitCode = outcomes.every(Boolean) ? 0 : 1
