import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

function promtool(...args: string[]): string {
  return execFileSync('promtool', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' })
}

function isThere(): boolean {
  try {
    promtool('--version')
    return true
  } catch {
    console.log("skipped: the alerts' own unit tests need promtool on PATH (Debian: package prometheus)")
    return false
  }
}

test.skipIf(!isThere())('Prometheus takes the rules, and each alert fires when it has to', () => {
  expect(promtool('check', 'rules', 'deploy/monitoring/rules.yaml')).toContain('SUCCESS')
  expect(promtool('test', 'rules', 'test/monitoring/alerts.promtool.yaml')).toContain('SUCCESS')
})
