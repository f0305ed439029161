import { deepEqual, equal, ok } from 'node:assert/strict'
import { renderPath } from '../../../src/routes/aim/path-template.ts'
import { render } from '../../../src/routes/ome/template.ts'
import { compile, raw } from '../../routes/ome/build.ts'
import { filledIn } from '../../routes/ome/template-oracle.ts'
import { mutateText } from '../mutate-text.ts'
import { defineTarget } from '../target.ts'

type TemplateCase = { readonly template: string; readonly value: string }

const aimSamples = [
  '/{.metadata.namespace}/{.metadata.name}',
  "/models/{.metadata.labels['team']}/{.spec.model.name}/x",
  '/{ $.spec["env"][0].name }/{@.metadata.annotations.path}',
  '/v1/{.metadata.labels.app\\.kubernetes\\.io/name}',
]
const omeSamples = [
  '{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}',
  '{{ index .Labels "example.org/unit" }}.{{.Labels.team}}.x.test',
  '{{\t.Annotations.zone }}-{{ .Name }}.example.com',
]
const samples = [...aimSamples, ...omeSamples]
const words = [
  ...[
    '{',
    '}',
    '{{',
    '}}',
    '{}',
    '{{}}',
    '.',
    '..',
    '$',
    '@',
    '[0]',
    '[-1]',
    "['",
    "']",
    '["',
    '"]',
    '[*]',
    '?(',
    ':',
    ',',
  ],
  ...['.Name', '.Namespace', '.IngressDomain', '.Labels', '.Annotations', 'index ', '"team"', 'metadata', 'spec', '\\'],
  ...['/', '//', '-', '_', 'A', '..', '%2e', '?', '#', '*', '10.0.0.1', 'x'.repeat(64)],
]

export const templates = defineTarget<TemplateCase>({
  name: 'templates',
  promise: 'any template gives a path or host that is one, or a cause; what it gives is what a plain replacement gives',

  generate: (random) => ({
    template: mutateText(random.pick(samples), random, { words, others: samples }),
    value: random.chance(0.7) ? random.pick(['nlp', 'A b/c', 'é', '']) : mutateText('a-value', random, { words }),
  }),

  check({ template, value }) {
    const labels = { team: value, 'example.org/unit': value, 'app.kubernetes.io/name': value }
    const metadata = { name: value, namespace: 'ml', labels, annotations: { path: value, zone: value } }
    const object = { metadata, spec: { model: { name: value }, env: [{ name: value }] } }
    const path = renderPath(template, object)
    if ('path' in path) ok(/^\/([a-z0-9-]+\/)*[a-z0-9-]*$/.test(path.path), path.path)
    else ok(path.cause !== '')
    deepEqual(renderPath(template, object), path)

    const values = { '.Name': 'chat', '.Namespace': 'ml', '.Labels.team': value }
    const rendering = render(template, (expression) => {
      const key = expression.trim().replace(/^index\s+(\.\w+)\s*"([^"]*)"$/, '$1.$2')
      return Object.hasOwn(values, key) ? values[key as keyof typeof values] : undefined
    })
    equal('text' in rendering ? rendering.text : undefined, filledIn(template, values))
    if ('refused' in rendering) ok(rendering.refused.startsWith('{{'))

    const annotations = { ...raw, 'ome.io/ingress-domain-template': template, zone: value }
    const { status, problem } = compile({ labels: { team: value }, annotations })
    if (problem === undefined) ok(/^http:\/\/[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(status.url ?? ''), status.url)
    else ok(problem.message !== '')
  },
})
