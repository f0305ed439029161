import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { dashboards } from '../../scripts/monitoring.ts'
import { helm, render } from '../deploy/helm.ts'

const folder = join(import.meta.dirname, '..', '..', 'deploy', 'monitoring')
const textOf = (path: string) => readFileSync(join(folder, path), 'utf8')
const files = dashboards.map(({ uid }) => `${uid}.json`)
const groupsOf = (text: string): unknown => parse(text).groups

type KubeObject = {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> }
  readonly spec: unknown
  readonly data: Readonly<Record<string, string>>
}

/** What the chart makes only with these values. */
async function rendered(...args: string[]): Promise<KubeObject[]> {
  const release = { name: 'signalbox', namespace: 'default' }
  const objectsIn = (text: string) =>
    parseAllDocuments(text).flatMap((document) => (document.toJS() ?? []) as KubeObject)
  const keyOf = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.name}`
  const byDefault = new Set(objectsIn(await render(release)).map(keyOf))
  return objectsIn(await render({ ...release, args })).filter((object) => !byDefault.has(keyOf(object)))
}

describe.skipIf(helm === undefined)('the chart renders', () => {
  test('the alerts, where they are asked for, with the address of the runbook', async () => {
    const runbook = 'https://wiki.example.com/runbook'
    const objects = await rendered(
      '--set=monitoring.rules.enabled=true',
      `--set=monitoring.rules.runbook=${runbook}`,
      '--set=monitoring.rules.labels.release=prometheus',
    )
    expect(objects).toEqual([
      expect.objectContaining({
        kind: 'PrometheusRule',
        metadata: expect.objectContaining({ labels: expect.objectContaining({ release: 'prometheus' }) }),
        spec: { groups: groupsOf(textOf('rules.yaml').replaceAll('docs/runbook.md', runbook)) },
      }),
    ])
  })

  test('a ConfigMap for each dashboard, byte for byte, with the label of the sidecar', async () => {
    const objects = await rendered('--set=monitoring.dashboards.enabled=true')
    expect(objects.map(({ kind }) => kind)).toEqual(files.map(() => 'ConfigMap'))
    expect(Object.assign({}, ...objects.map(({ data }) => data))).toEqual(
      Object.fromEntries(files.map((file) => [file, textOf(`dashboards/${file}`)])),
    )
    for (const { metadata } of objects) expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' })
    expect(new Set(objects.map(({ metadata }) => metadata.name)).size).toBe(files.length)
  })
})

test('the kustomization has each dashboard', () => {
  const { configMapGenerator } = parse(textOf('kustomization.yaml')) as { configMapGenerator: { files: string[] }[] }
  expect(configMapGenerator.flatMap(({ files }) => files)).toEqual(files.map((file) => `dashboards/${file}`))
})
