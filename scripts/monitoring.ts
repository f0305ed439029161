// Writes what deploy/monitoring and the chart have of the dashboards (scripts/dashboards) and the alerts (deploy/monitoring/rules.yaml):
// node scripts/monitoring.ts
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { grafanaJson } from './dashboards/dashboard.ts'
import { models } from './dashboards/models.ts'
import { overview } from './dashboards/overview.ts'
import { pools } from './dashboards/pools.ts'
import { processes } from './dashboards/processes.ts'

const root = join(import.meta.dirname, '..')
const folder = 'deploy/monitoring'
/** Helm reads no file outside of its chart. */
const chart = 'deploy/helm/signalbox/monitoring'

export const dashboards = [overview, pools, models, processes]

/** The files by their paths in the checkout. */
export function monitoringFiles(): ReadonlyMap<string, string> {
  const rules = readFileSync(join(root, folder, 'rules.yaml'), 'utf8')
  const files = new Map([
    [`${folder}/prometheus-rule.yaml`, prometheusRule(rules)],
    [`${chart}/rules.yaml`, rules],
  ])
  for (const dashboard of dashboards) {
    const text = grafanaJson(dashboard)
    for (const at of [folder, chart]) files.set(`${at}/dashboards/${dashboard.uid}.json`, text)
  }
  return files
}

function prometheusRule(rules: string): string {
  const { groups } = parse(rules) as { groups: unknown }
  const object = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'signalbox', labels: { 'app.kubernetes.io/name': 'signalbox' } },
    spec: { groups },
  }
  const head =
    '# For the Prometheus operator: the alerts of rules.yaml. Change that, then run node scripts/monitoring.ts.\n'
  return head + stringify(object, { lineWidth: 0 })
}

if (import.meta.main) {
  for (const [path, text] of monitoringFiles()) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}
