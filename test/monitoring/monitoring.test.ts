import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { dashboards, monitoringFiles } from '../../scripts/monitoring.ts'
import type { RefusalCode } from '../../src/request/errors.ts'
import { type PageFamily, pageFamilies } from './pages.ts'
import { matches, type ReadQuery, readQuery } from './promql.ts'

/** Dashboards and alerts ask for what there is, and the runbook knows every alert. */
const root = join(import.meta.dirname, '..', '..')
const textOf = (path: string) => readFileSync(join(root, path), 'utf8')

type Alert = {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
type Groups = { readonly groups: readonly { readonly name: string; readonly rules: readonly Alert[] }[] }

const alerts = (parse(textOf('deploy/monitoring/rules.yaml')) as Groups).groups.flatMap(({ rules }) => rules)
const panels = dashboards.flatMap(({ uid, rows }) =>
  rows.flatMap(({ panels }) => panels.map((panel) => ({ ...panel, name: `${uid}: ${panel.title}` }))),
)
const queries = panels.flatMap(({ name, queries }) => queries.map((query) => ({ name, ...query })))
const variables = dashboards.flatMap(({ uid, variables }) => variables.map((variable) => ({ uid, ...variable })))

/** A query as Grafana sends it. */
const filledIn = (expr: string) => expr.replaceAll('$__rate_interval', '2m').replaceAll(/\$\w+/g, '.*')

/** Of what Prometheus scrapes. */
const targetLabels = ['namespace', 'job', 'instance']
/** Of Prometheus itself. */
const ownOfPrometheus = new Map([
  ['up', new Set(targetLabels)],
  ['ALERTS', new Set(['alertname', 'alertstate', 'severity'])],
])

const refusals = [...textOf('src/request/errors.ts').matchAll(/^ {2}(\w+): \{ status/gm)].map(
  ([, code]) => code as RefusalCode,
)

let families: ReadonlyMap<string, PageFamily>

beforeAll(async () => {
  families = await pageFamilies(refusals)
})

function familyOf(metric: string): readonly [name: string, family: PageFamily] | undefined {
  for (const suffix of ['', '_bucket', '_sum', '_count']) {
    const name = metric.slice(0, metric.length - suffix.length)
    const family = metric.endsWith(suffix) ? families.get(name) : undefined
    if (family !== undefined && (family.type === 'histogram') === (suffix !== '')) return [name, family]
  }
  return undefined
}

function labelsOf(metric: string): ReadonlySet<string> | undefined {
  const [, family] = familyOf(metric) ?? []
  if (family === undefined) return ownOfPrometheus.get(metric)
  return new Set([...targetLabels, ...family.labelNames, ...(metric.endsWith('_bucket') ? ['le'] : [])])
}

const read = (expr: string): ReadQuery => readQuery(filledIn(expr), labelsOf)

/** Selectors that select nothing of pages on which all has happened. */
const selectsNothing = ({ selectors }: ReadQuery) =>
  selectors.filter(({ metric, matchers }) => {
    if (ownOfPrometheus.has(metric)) return false
    const ofPages = matchers.filter(({ label }) => !targetLabels.includes(label))
    return !familyOf(metric)![1].samples.some(({ name, labels }) => name === metric && matches(labels, ofPages))
  })

test('what is made of the dashboards and the rules is up to date: node scripts/monitoring.ts', () => {
  const files = monitoringFiles()
  for (const [path, text] of files) expect(textOf(path), path).toBe(text)
  for (const folder of ['deploy/monitoring/dashboards', 'deploy/helm/signalbox/monitoring/dashboards']) {
    const made = [...files.keys()].filter((path) => path.startsWith(`${folder}/`))
    expect(readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)).toEqual(made.sort())
  }
})

describe('dashboards', () => {
  test.each(queries)('$name asks for series that there are, and names labels that they have', ({ expr, legend }) => {
    const query = read(expr)
    expect(selectsNothing(query)).toEqual([])
    const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label)
    expect(named.filter((label) => !query.labels.has(label))).toEqual([])
  })

  test.each(variables)('$uid: the variable $name has values', ({ query }) => {
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query)!
    const { selectors, labels } = read(selector)
    expect(labels).toContain(label)
    expect(selectsNothing({ selectors, labels })).toEqual([])
  })

  test.each(dashboards)('$uid uses the variables that it has, and no others', (dashboard) => {
    const own = dashboard.variables.map(({ name }) => name)
    const inQueries = JSON.stringify([dashboard.rows, dashboard.variables]).matchAll(/\$(?!__)(\w+)/g)
    expect([...new Set([...inQueries].map(([, name]) => name))].sort()).toEqual(own.sort())
  })

  test('have a sentence to each panel, and panels and dashboards that can be told apart', () => {
    for (const { name, description } of panels)
      expect([name, description]).toEqual([name, expect.stringMatching(/^\S.{9,}\.$/)])
    expect(new Set(panels.map(({ name }) => name)).size).toBe(panels.length)
    expect(new Set(dashboards.flatMap(({ uid, title }) => [uid, title])).size).toBe(2 * dashboards.length)
  })
})

describe('alerts', () => {
  test.each(alerts)('$alert asks for series that there are, and names labels that it has', ({ expr, annotations }) => {
    const query = read(expr)
    expect(selectsNothing(query)).toEqual([])
    const named = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label)
    expect(named.filter((label) => !query.labels.has(label))).toEqual([])
  })

  test.each(alerts)('$alert says how bad it is, since when, what is wrong, and what to do next', (alert) => {
    expect(alert).toEqual({
      alert: expect.stringMatching(/^Signalbox[A-Z]\w+$/),
      expr: expect.any(String),
      for: expect.stringMatching(/^\d+m$/),
      labels: { severity: expect.stringMatching(/^(critical|warning)$/) },
      annotations: {
        summary: expect.stringMatching(/\.$/),
        description: expect.stringMatching(/ Next: .+[.?]$/),
        runbook_url: `docs/runbook.md#${alert.alert.toLowerCase()}`,
      },
    })
  })

  test('and entries of the runbook are the same, in the same order', () => {
    const headings = [...textOf('docs/runbook.md').matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
    expect(headings).toEqual(alerts.map(({ alert }) => alert))
  })

  test('name each code that a request is refused with once; that a replica shuts down is no trouble', () => {
    const named = alerts.flatMap(({ expr }) =>
      [...expr.matchAll(/result=~"([^"]+)"/g)].flatMap(([, codes]) => codes.split('|')),
    )
    expect([...named, 'shutting_down'].sort()).toEqual(refusals.toSorted())
  })

  test('are the same for the Prometheus operator', () => {
    const { spec } = parse(textOf('deploy/monitoring/prometheus-rule.yaml'))
    expect(spec).toEqual(parse(textOf('deploy/monitoring/rules.yaml')))
  })
})

describe('the reader of queries refuses', () => {
  test.each([
    ['sum(rate(signalbox_requests_total[5m]) by', 'no PromQL'],
    ['signalbox_request_total', 'no such metric'],
    ['signalbox_phase_duration_seconds', 'no such metric'],
    ['signalbox_requests_total_bucket', 'no such metric'],
    ['signalbox_requests_total{reason="x"}', 'no label reason'],
    ['sum by (pool) (inference_pool_ready_pods)', 'no label pool'],
    ['signalbox_open_exchanges / on (job, name) inference_pool_ready_pods', 'no label name'],
    ['sum by (name) (sum by (job) (inference_pool_ready_pods))', 'no label name'],
    ['histogram_quantile(0.9, sum(rate(signalbox_phase_duration_seconds_bucket[5m])))', 'no label le'],
  ])('%s', (expr, message) => {
    expect(() => read(expr)).toThrow(message)
  })

  test('a selector that selects nothing', () => {
    expect(selectsNothing(read('signalbox_requests_total{result="routd"}'))).toHaveLength(1)
    expect(selectsNothing(read('signalbox_requests_total{result=~"routed|x"}'))).toEqual([])
  })
})
