import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { makeTempDirectory } from '../sources/temp-directory.ts'
import { routes } from './run-routes.ts'

type Printed = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly spec?: unknown
  readonly status?: { readonly conditions: readonly { readonly type: string; readonly status: string }[] }
}

/** A directory with these files. */
async function makeDirectory(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await makeTempDirectory()
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return directory
}

const documentsOf = (text: string, version: '1.1' | '1.2' = '1.2') =>
  parseAllDocuments(text, { version }).map((document) => {
    expect(document.errors).toEqual([])
    return document.toJS() as Printed
  })
const namesOf = (text: string) =>
  documentsOf(text).map(({ kind, metadata, status }) => {
    return `${status === undefined ? '' : 'status of '}${kind} ${metadata.namespace}/${metadata.name}`
  })

const config = `
apiVersion: v1
kind: ConfigMap
metadata: {name: inferenceservice-config, namespace: ome}
data: {ingress: '{"enableGatewayAPI": true, "omeIngressGateway": "edge/gate"}'}
`
const ome = (name: string, annotations = '', spec = 'engine: {}') => `
apiVersion: ome.io/v1beta1
kind: InferenceService
metadata:
  name: ${name}
  annotations: {ome.io/deployment-mode: RawDeployment${annotations}}
spec: {${spec}}
`
const aim = (name: string, routing = 'enabled: true, gatewayRef: {name: gate}', metadata = '') => `
apiVersion: aim.eai.amd.com/v1alpha1
kind: AIMService
metadata: {name: ${name}, uid: ${name}-uid${metadata}}
spec: {model: {name: m}, routing: {${routing}}}
`
const documents = (...texts: string[]) => texts.join('---')

describe('what is read', () => {
  test('is taken from options, arguments and directories, each file once, whatever their order', async () => {
    const directory = await makeDirectory({
      'a.yaml': ome('a'),
      'b.json': JSON.stringify(parse(aim('b'))),
      'c.yml': config,
    })
    const [a, b, c] = ['a.yaml', 'b.json', 'c.yml'].map((name) => join(directory, name))
    const expected = await routes('-f', directory)
    expect(namesOf(expected.stdout)).toEqual([
      'HTTPRoute default/a',
      expect.stringMatching(/^HTTPRoute default\/b-/),
      'status of InferenceService default/a',
      'status of AIMService default/b',
    ])
    for (const args of [
      ['-f', a, '-f', b, '-f', c],
      ['-f', c, b, a],
      [b, a, c],
      [directory, '-f', a, directory],
    ]) {
      expect(await routes(...args)).toEqual(expected)
    }
  })

  test('may be a List, and documents of a stream', async () => {
    const items = [ome('a'), ome('b'), config].map((text) => parse(text))
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
    const directory = await makeDirectory({ list, stream: documents(ome('a'), config, ome('b')) })
    const ofList = await routes(join(directory, 'list'))
    const ofStream = await routes(join(directory, 'stream'))
    expect(ofList).toEqual(ofStream)
    expect(namesOf(ofList.stdout)).toHaveLength(4)
  })

  test('may be without services: that is said', async () => {
    expect(await routes(await makeDirectory({ 'a.yaml': config }))).toEqual({
      stdout: '',
      stderr: 'there is no InferenceService (ome.io/v1beta1) and no AIMService (aim.eai.amd.com/v1alpha1)\n',
      exitCode: 0,
    })
  })

  test('is the ConfigMap that is named', async () => {
    const other = config.replace('inferenceservice-config', 'other').replace('edge/gate', 'edge/other')
    const elsewhere = config.replace('namespace: ome', 'namespace: serving').replace('edge/gate', 'edge/serving')
    const directory = await makeDirectory({ 'a.yaml': documents(ome('a'), config, other, elsewhere) })
    const gatewayOf = async (...args: string[]) => {
      const [route] = documentsOf((await routes(directory, ...args)).stdout)
      return (route.spec as { parentRefs: { name: string }[] }).parentRefs[0].name
    }
    expect(await gatewayOf()).toBe('gate')
    expect(await gatewayOf('--ome-config', 'ome/other')).toBe('other')
    expect(await gatewayOf('--ome-namespace', 'serving')).toBe('serving')
    expect(await gatewayOf('--ome-namespace', 'serving', '--ome-config', 'ome/other')).toBe('other')
  })
})

describe('an input that cannot be read', () => {
  test('is exit status 2: a line for each, and nothing is printed', async () => {
    const directory = await makeDirectory({
      'a.yaml': documents(
        ome('a'),
        '\nkind: [\n',
        '\n- 1\n',
        '\nmetadata: {name: x}\n',
        '\napiVersion: v1\nkind: Secret\n',
      ),
      'b.yaml': ome('a'),
    })
    await writeFile(join(directory, 'c.yaml'), Buffer.from([0xff]))
    const { stdout, stderr, exitCode } = await routes('-f', directory, join(directory, 'missing'))
    expect(stderr.replaceAll(`${directory}/`, '').trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^a\.yaml:\d+:\d+: broken YAML: /),
      'a.yaml:11:1: found a list, allowed: an object with apiVersion and kind',
      'a.yaml:13:1 apiVersion: missing, allowed: a string',
      'a.yaml:13:1 kind: missing, allowed: a string',
      'a.yaml:15:1 metadata.name: missing, allowed: a string',
      'b.yaml:2:1: InferenceService default/a is given twice, first at a.yaml:2:1',
      'c.yaml: is not UTF-8 text',
      'missing: no such file or directory',
    ])
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 2 })
  })

  test('is nothing at all', async () => {
    expect(await routes()).toMatchObject({ stdout: '', stderr: expect.stringMatching(/nothing to read/), exitCode: 2 })
  })

  test('is a directory within the directory, no more than a file of another name', async () => {
    const directory = await makeDirectory({ 'notes.txt': 'kind: [' })
    await mkdir(join(directory, 'nested.yaml'))
    await writeFile(join(directory, 'nested.yaml', 'a.yaml'), 'kind: [')
    expect((await routes(directory)).exitCode).toBe(0)
  })
})

describe('errors of services', () => {
  test('are exit status 1 and lines with the place; the other services are printed', async () => {
    const bad = ome('bad', ', ome.io/ingress-domain-template: "{{ .Foo }}"')
    const directory = await makeDirectory({ 'a.yaml': documents(config, ome('a'), bad, aim('b', 'enabled: true')) })
    const { stdout, stderr, exitCode } = await routes(directory)
    expect(exitCode).toBe(1)
    expect(namesOf(stdout)).toEqual([
      'HTTPRoute default/a',
      'status of InferenceService default/a',
      'status of InferenceService default/bad',
      'status of AIMService default/b',
    ])
    expect(stderr.replaceAll(`${directory}/`, '').trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^a\.yaml:18:\d+: default\/bad: DomainTemplateInvalid: .*\{\{ \.Foo \}\}/),
      expect.stringMatching(/^a\.yaml:\d+:\d+: default\/b: GatewayNotConfigured: Routing is enabled/),
    ])
  })

  test('are no warnings and nothing that has to be waited for', async () => {
    const warned = ome('a', ', ome.io/ingress-class: nginx')
    const { stderr, exitCode } = await routes(await makeDirectory({ 'a.yaml': documents(config, warned, aim('b')) }))
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  })

  test('are names that two services want for their objects: each object is printed once', async () => {
    const older = `${ome('x', '', 'engine: {}, decoder: {}').replace('name: x', 'name: x\n  creationTimestamp: 2026-01-01T00:00:00Z')}`
    const directory = await makeDirectory({ 'a.yaml': documents(config, ome('x-engine'), older) })
    const { stdout, stderr, exitCode } = await routes(directory)
    expect(namesOf(stdout)).toEqual([
      'HTTPRoute default/x',
      'HTTPRoute default/x-decoder',
      'HTTPRoute default/x-engine',
      'status of InferenceService default/x',
      'status of InferenceService default/x-engine',
    ])
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(
      /^\S+a\.yaml:10:3: default\/x-engine: NameCollision: .* InferenceService default\/x, which was first\n$/,
    )
  })

  test('stay on one line each', async () => {
    const bad = ome('bad', ', ome.io/ingress-domain-template: "{{ \\n\\x1b[31m\\u2028 }}"')
    const { stderr } = await routes(await makeDirectory({ 'a.yaml': documents(config, bad) }))
    expect(stderr).toMatch(/^[^\n\x1b\u2028]+\n$/)
  })
})

describe('what is printed', () => {
  const input = documents(
    config,
    ome('b', ', signalbox.dev/auth: apikey, signalbox.dev/auth-secret: keys', 'engine: {}, decoder: {}'),
    ome('a', ', ome.io/disable-ingress: "true"'),
    ome('c').replace('RawDeployment', 'Serverless'),
    aim('z', 'enabled: true, gatewayRef: {name: gate}, annotations: {a: "yes", b: "12:30", c: "1e3", d: "2026-01-01"}'),
  )

  test('is in order: Services, SecurityPolicies, Ingresses, VirtualServices, HTTPRoutes, then the statuses', async () => {
    const { stdout, exitCode } = await routes(await makeDirectory({ 'a.yaml': input }))
    expect(namesOf(stdout)).toEqual([
      'Service default/a',
      'Service default/c',
      'SecurityPolicy default/b',
      'VirtualService default/c',
      'HTTPRoute default/b',
      'HTTPRoute default/b-decoder',
      'HTTPRoute default/b-engine',
      expect.stringMatching(/^HTTPRoute default\/z-/),
      'status of InferenceService default/a',
      'status of InferenceService default/b',
      'status of InferenceService default/c',
      'status of AIMService default/z',
    ])
    expect(exitCode).toBe(0)
    expect(documentsOf(stdout).at(-1)).toEqual({
      apiVersion: 'aim.eai.amd.com/v1alpha1',
      kind: 'AIMService',
      metadata: { name: 'z', namespace: 'default' },
      status: {
        routing: { path: '/default/z-uid' },
        conditions: [expect.objectContaining({ type: 'HTTPRouteReady' })],
      },
    })
  })

  test('is the same to readers of YAML 1.1, YAML 1.2 and JSON', async () => {
    const directory = await makeDirectory({ 'a.yaml': input })
    const yaml = (await routes(directory)).stdout
    const json = (await routes(directory, '-o', 'json')).stdout
    const { items, ...list } = JSON.parse(json)
    expect(list).toEqual({ apiVersion: 'v1', kind: 'List' })
    expect(items).toHaveLength(12)
    expect(documentsOf(yaml, '1.1')).toEqual(items)
    expect(documentsOf(yaml, '1.2')).toEqual(items)
    expect(items[7].metadata.annotations).toEqual({ a: 'yes', b: '12:30', c: '1e3', d: '2026-01-01' })
  })

  test('does not depend on the order of the input', async () => {
    const directory = await makeDirectory({ a: input, b: input.split('---').reverse().join('---') })
    const { stdout } = await routes(join(directory, 'a'))
    expect((await routes(join(directory, 'b'))).stdout).toBe(stdout)
  })

  test('as a table is for people: objects by service, then what became of each service', async () => {
    const directory = await makeDirectory({ 'a.yaml': documents(input, ome('bad').replace('RawDeployment', 'Raw')) })
    const { stdout, exitCode } = await routes(directory, '-o', 'table')
    expect(exitCode).toBe(1)
    await expect(stdout.replaceAll(directory, '.')).toMatchFileSnapshot('routes.table.txt')
  })
})

test('a table shows hosts that lead to the same once, and where an Ingress and a rewritten path lead', async () => {
  const more = ', ome.io/ingress-additional-domains: "b.test,c.test"'
  const path = ', ome.io/ingress-domain: a.test, ome.io/ingress-path-template: "/{{ .Name }}"'
  const input = documents(
    ome('raw', more, 'engine: {}, router: {}'),
    ome('serverless', path).replace('RawDeployment', 'Serverless'),
  )
  const { stdout } = await routes(await makeDirectory({ 'a.yaml': input }), '-o', 'table')
  const [objects] = stdout.split('\n\n')
  const column = objects.indexOf('WHAT')
  expect(objects.split('\n').map((line) => line.slice(column))).toEqual([
    'WHAT GOES WHERE',
    'raw.default.example.com',
    'raw.default.b.test',
    'raw.default.c.test',
    '  /v1/router → raw-router:8080',
    '  / → raw-router:8080',
    'raw-engine.default.example.com',
    '  / → raw-engine:8080',
    'raw-router.default.example.com',
    '  / → raw-router:8080',
    'ExternalName knative-local-gateway.istio-system.svc.cluster.local',
    'serverless.default.svc.cluster.local',
    'serverless.default.a.test',
    '  / → serverless-engine.default.svc.cluster.local',
    'a.test',
    '  /serverless/ → serverless-engine.default.svc.cluster.local as /',
    '  /serverless → serverless-engine.default.svc.cluster.local as /',
  ])
})

test('a table has services by namespace, then name, as the documents are', async () => {
  const at = (namespace: string) => aim('x', undefined, `, namespace: ${namespace}`)
  const { stdout } = await routes(await makeDirectory({ 'a.yaml': documents(at('a-b'), at('a')) }), '-o', 'table')
  const rows = stdout.split('\n').filter((line) => line.startsWith('a'))
  expect(rows.map((row) => row.split(' ')[0])).toEqual(['a/x', 'a-b/x', 'a/x', 'a-b/x'])
})

test('READY in a table is nothing where routing is off, and tells of a missing configuration', async () => {
  const idle = aim('idle', 'enabled: false', ', annotations: {signalbox.dev/model-routing: "true"}')
  const lost = aim('lost').replace('spec: {', 'spec: {runtimeConfigName: gpu, ')
  const { stdout } = await routes(await makeDirectory({ 'a.yaml': documents(idle, lost) }), '-o', 'table')
  const rows = stdout.split('\n').filter((line) => line.startsWith('default/'))
  expect(rows.map((row) => row.split(/ +/))).toEqual([
    ['default/idle', 'AIMService', '-', '-', '-'],
    ['default/lost', 'AIMService', 'False', 'ReferenceNotFound', '-'],
  ])
})

describe('--only', () => {
  const input = documents(
    config,
    ome('a', '', 'engine: {}, decoder: {}'),
    ome('b'),
    ome('bad').replace('RawDeployment', 'Raw'),
  )

  test.each([
    [['httproute/a'], ['HTTPRoute default/a']],
    [['HTTPRoute/default/a-engine'], ['HTTPRoute default/a-engine']],
    [
      ['HTTPRoute'],
      ['HTTPRoute default/a', 'HTTPRoute default/a-decoder', 'HTTPRoute default/a-engine', 'HTTPRoute default/b'],
    ],
    [
      ['inferenceservice/a', '--only', 'HTTPRoute/b'],
      ['HTTPRoute default/b', 'status of InferenceService default/a'],
    ],
    [
      ['inferenceservice/a', 'HTTPRoute/b'],
      ['HTTPRoute default/b', 'status of InferenceService default/a'],
    ],
  ])('%j prints these alone', async (only, expected) => {
    const { stdout, exitCode } = await routes('-f', await makeDirectory({ 'a.yaml': input }), '--only', ...only)
    expect(namesOf(stdout)).toEqual(expected)
    // The error of another service is one all the same.
    expect(exitCode).toBe(1)
  })

  test('that matches nothing is exit status 1, and says what there is', async () => {
    const directory = await makeDirectory({ 'a.yaml': documents(config, ome('a')) })
    expect(await routes(directory, '--only', 'HTTPRoute/other')).toEqual({
      stdout: '',
      stderr: 'nothing is httproute/other; there is HTTPRoute/default/a, InferenceService/default/a\n',
      exitCode: 1,
    })
  })
})

test.each([
  ['--ome-config', 'name'],
  ['--ome-config', 'a/b/c'],
  ['--only', 'a/'],
  ['--output', 'xml'],
])('%s %s is refused before anything is read', async (flag, value) => {
  const { stdout, stderr, exitCode } = await routes('/nowhere', flag, value)
  expect(stderr).toMatch(new RegExp(`^error: option '.*${flag} .*' argument '${value}' is invalid\\.`))
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
})

describe('--explain', () => {
  const input = documents(config, ome('a', ', ome.io/ingress-domain: models.test'), aim('b'))

  test('in YAML is comments that leave the stream as it is', async () => {
    const directory = await makeDirectory({ 'a.yaml': input })
    const [plain, explained] = [await routes(directory), await routes(directory, '--explain')]
    const lines = explained.stdout.split('\n')
    expect(lines.filter((line) => !line.startsWith('#')).join('\n')).toBe(plain.stdout)
    expect(documentsOf(explained.stdout)).toEqual(documentsOf(plain.stdout))
    const at = lines.indexOf('# InferenceService default/a is compiled with')
    expect(lines[at - 1]).toBe('---')
    const domain = lines.find((line) => line.startsWith('#   ingressDomain '))!
    expect(domain.replace(directory, '.').split(/ {2,}/)).toEqual([
      '#',
      'ingressDomain',
      '"models.test"',
      'metadata.annotations["ome.io/ingress-domain"] (./a.yaml:11:56)',
    ])
  })

  test('in JSON is beside the items', async () => {
    const directory = await makeDirectory({ 'a.yaml': input })
    const { explanations } = JSON.parse((await routes(directory, '-o', 'json', '--explain')).stdout)
    expect(explanations).toMatchObject([
      { apiVersion: 'ome.io/v1beta1', kind: 'InferenceService', namespace: 'default', name: 'a' },
      { apiVersion: 'aim.eai.amd.com/v1alpha1', kind: 'AIMService', namespace: 'default', name: 'b' },
    ])
    expect(explanations[0].settings).toContainEqual({
      name: 'urlScheme',
      value: 'http',
      from: 'default',
    })
    expect(explanations[0].settings).toContainEqual({
      name: 'omeIngressGateway',
      value: 'edge/gate',
      from: {
        object: 'ConfigMap ome/inferenceservice-config',
        path: expect.stringMatching(/^data\.ingress/),
        place: `${directory}/a.yaml:5:8`,
      },
    })
  })

  test('in a table is a table more, of the services that are printed', async () => {
    const directory = await makeDirectory({ 'a.yaml': input })
    const { stdout } = await routes(directory, '-o', 'table', '--explain', '--only', 'AIMService')
    const [services, settings, ...others] = stdout.split('\n\n')
    expect(services).toMatch(/^SERVICE +KIND +READY +REASON +URL OR PATH\ndefault\/b +AIMService +Unknown/)
    expect(settings).toMatch(/^AIMService default\/b is compiled with\n {2}runtimeConfigName +"default" +default\n/)
    expect(others).toEqual([])
  })
})

describe('as a process', () => {
  const program = join(import.meta.dirname, '../../bin/signalbox')
  const run = (input: string, ...args: string[]) => {
    const { stdout, stderr, status } = spawnSync(
      join(import.meta.dirname, '../../bin/signalbox'),
      ['routes', ...args],
      {
        input,
        encoding: 'utf8',
      },
    )
    return { stdout, stderr, status }
  }

  test('it reads standard input, and names it in places', () => {
    const { stdout, stderr, status } = run(documents(config, ome('a'), aim('b', 'enabled: true')), '-f', '-')
    expect(namesOf(stdout)[0]).toBe('HTTPRoute default/a')
    expect(stderr).toMatch(/^stdin:\d+:\d+: default\/b: GatewayNotConfigured: /)
    expect(status).toBe(1)
  })

  test('it reads standard input beside files, once', async () => {
    const file = join(await makeDirectory({ config }), 'config')
    const { stdout, stderr, status } = run(ome('a'), '-', '-f', file, '-')
    expect(namesOf(stdout)).toEqual(['HTTPRoute default/a', 'status of InferenceService default/a'])
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  })

  test('what it prints can be checked as it is', () => {
    const printed = run(documents(config, ome('a'), aim('b')), '-f', '-').stdout
    const { stdout, status } = spawnSync(program, ['check', '-'], { input: printed, encoding: 'utf8' })
    expect({ stdout, status }).toEqual({ stdout: '4 resources: 2 routes, 2 others; no problems\n', status: 0 })
  })

  test('it ends quietly when its reader has had enough', async () => {
    const file = join(
      await makeDirectory({ many: Array.from({ length: 300 }, (_, index) => ome(`s${index}`)).join('---') }),
      'many',
    )
    const script = ['-o', 'pipefail', '-c', '"$0" routes -f "$1" | head -1']
    const { stdout, stderr, status } = spawnSync('bash', [...script, program, file], { encoding: 'utf8' })
    expect({ stdout, stderr, status }).toEqual({ stdout: 'apiVersion: networking.k8s.io/v1\n', stderr: '', status: 0 })
  })

  test('it ends with exit status 2 where standard input cannot be read', () => {
    expect(run('kind: [', '-f', '-')).toMatchObject({
      stdout: '',
      stderr: expect.stringMatching(/^stdin:1:\d: broken YAML/),
      status: 2,
    })
  })
})
