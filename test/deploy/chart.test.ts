import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { helm, render } from './helm.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..', '..')
const manifests = join(root, 'deploy', 'manifests')
const withExtension = join(root, 'deploy', 'manifests-with-extension')
const routes = join(root, 'deploy', 'components', 'routes')
const golden = join(import.meta.dirname, 'golden')
const plain = { name: 'signalbox', namespace: 'default' }

test('the chart has the version of the package', () => {
  const chart = parse(readFileSync(join(root, 'deploy/helm/signalbox/Chart.yaml'), 'utf8'))
  expect(chart).toMatchObject({ version: manifest.version, appVersion: manifest.version })
})

test.skipIf(helm === undefined)('helm has nothing to say against it', async () => {
  await run(helm!, ['lint', '--strict', '--kube-version', '1.34.0', join(root, 'deploy/helm/signalbox')])
})

/**
 * deploy/manifests and the golden files are what the chart renders; `vitest run test/deploy --update` writes them anew.
 */
describe.skipIf(helm === undefined)('the chart renders', () => {
  test('deploy/manifests from its defaults', async () => {
    const components = plainManifests(await render(plain))
    expect([...components.keys()].sort()).toEqual(['controller', 'serve'])
    await expect(components.get('serve')).toMatchFileSnapshot(join(manifests, 'serve.yaml'))
    await expect(components.get('controller')).toMatchFileSnapshot(join(manifests, 'controller.yaml'))
  })

  test('deploy/manifests-with-extension from extension.enabled and controller.poolStatus', async () => {
    const args = ['--set=extension.enabled=true', '--set=controller.poolStatus=true']
    const components = plainManifests(await render({ ...plain, args }))
    expect([...components.keys()].sort()).toEqual(['controller', 'extension', 'pool-status', 'serve'])
    await expect(components.get('extension')).toMatchFileSnapshot(join(withExtension, 'extension.yaml'))
    await expect(components.get('pool-status')).toMatchFileSnapshot(join(withExtension, 'pool-status.yaml'))
    const { serve, controller } = Object.fromEntries(plainManifests(await render(plain)))
    expect(components.get('serve')).toBe(serve)
    expect(components.get('controller')).toBe(
      controller.replace('- "--kubernetes"\n', (line) => `${line}            - "--pool-status"\n`),
    )
  })

  test('deploy/components/routes from controller.routes.enabled', async () => {
    const components = plainManifests(await render({ ...plain, args: ['--set=controller.routes.enabled=true'] }))
    expect([...components.keys()].sort()).toEqual(['controller', 'routes', 'serve'])
    await expect(components.get('routes')).toMatchFileSnapshot(join(routes, 'routes.yaml'))
    const { serve, controller } = Object.fromEntries(plainManifests(await render(plain)))
    expect(components.get('serve')).toBe(serve)
    expect(components.get('controller')).toBe(
      controller.replace('"--no-routes"', '"--ome-config=ome/inferenceservice-config"'),
    )
  })

  test('no right of a controller without routes but to write status, Events, its lease and the states of rollouts', async () => {
    const objects = parseAllDocuments(await render(plain)).map((document) => document.toJS())
    const rules: Rule[] = objects.flatMap((object) => object?.rules ?? [])
    const isReading = ({ verbs }: Rule) => verbs.every((verb) => ['get', 'list', 'watch'].includes(verb))
    const isOfRollouts = ({ resources, verbs, resourceNames = [] }: Rule) =>
      String(resources) === 'configmaps' &&
      (String(verbs) === 'create' || String(resourceNames) === 'signalbox-rollouts')
    const written = rules
      .filter((rule) => !isReading(rule) && !isOfRollouts(rule))
      .flatMap(({ resources }) => resources)
    expect(written.filter((resource) => !/\/status$|^events$|^leases$|reviews$/.test(resource))).toEqual([])
    expect(written).toContain('inferencemodels/status')
  })

  test.each([
    ['everything', { name: 'gateway', namespace: 'inference' }],
    ['one-pool', { name: 'signalbox', namespace: 'inference' }],
  ])('%s as it did before', async (values, release) => {
    const text = await render({ ...release, values: join(golden, `${values}.values.yaml`) })
    await expect(text).toMatchFileSnapshot(join(golden, `${values}.yaml`))
  })

  test('an EndpointPickerConfig from a file as it is', async () => {
    const file = join(root, 'examples/scheduling/flow-control.yaml')
    const text = await render({ ...plain, args: [`--set-file=serve.endpointPickerConfig=${file}`] })
    const objects = parseAllDocuments(text).map((document) => document.toJS())
    const { data } = objects.find(({ kind }) => kind === 'ConfigMap')
    expect(data['endpoint-picker-config.yaml'].trim()).toBe(readFileSync(file, 'utf8').trim())
  })

  test('pods that are replaced when the EndpointPickerConfig changes, and only then', async () => {
    const config = (plugin: string) => [
      '--set=serve.endpointPickerConfig.kind=EndpointPickerConfig',
      '--set=serve.endpointPickerConfig.apiVersion=llm-d.ai/v1alpha1',
      `--set=serve.endpointPickerConfig.plugins[0].type=${plugin}`,
    ]
    const annotation = async (args: string[]) =>
      /signalbox\.dev\/configuration: (\w+)/.exec(await render({ ...plain, args }))?.[1]
    const before = await annotation(config('queue-scorer'))
    expect(before).toMatch(/^[0-9a-f]{64}$/)
    expect(await annotation([...config('queue-scorer'), '--set=serve.replicas=3'])).toBe(before)
    expect(await annotation(config('random-picker'))).not.toBe(before)
    expect(await annotation([])).toBeUndefined()
  })
})

describe.skipIf(helm === undefined)('the schema of values refuses', () => {
  test.each([
    ['serve.replicas=0', "at '/serve/replicas': minimum: got 0, want 1"],
    ['serve.replicas=two', "at '/serve/replicas': got string, want integer"],
    ['serve.replica=2', "at '/serve': additional properties 'replica' not allowed"],
    ['server.replicas=2', "at '': additional properties 'server' not allowed"],
    ['serve.transport=tls', "at '/serve/transport': value must be one of 'plaintext', 'self-signed', 'secret'"],
    ['serve.transport=secret', "at '/serve/tlsSecretName': minLength: got 0, want 1"],
    ['serve.leaderElection=true', "at '/serve/poolName': minLength: got 0, want 1"],
    ['serve.unknownModel=drop', "at '/serve/unknownModel': value must be one of 'route', 'reject'"],
    ['serve.drainTimeoutSeconds=30s', "at '/serve/drainTimeoutSeconds': got string, want integer"],
    [
      'serve.endpointPickerConfig.plugins=x',
      "at '/serve/endpointPickerConfig': missing properties 'apiVersion', 'kind'",
    ],
    ['serve.poolName=My_Pool', "at '/serve/poolName': 'My_Pool' does not match pattern"],
    ['watchNamespace=a.b', "at '/watchNamespace': 'a.b' does not match pattern"],
    ['image.digest=sha256:12', "at '/image/digest': 'sha256:12' does not match pattern"],
    [
      'serve.podDisruptionBudget.maxUnavailable=half',
      "at '/serve/podDisruptionBudget/maxUnavailable': got string, want integer",
    ],
    ['serviceMonitor.interval=30', "at '/serviceMonitor/interval': got number, want string"],
    ['controller.enabled=maybe', "at '/controller/enabled': got string, want boolean"],
    ['controller.routes=true', "at '/controller/routes': got boolean, want object"],
    ['controller.routes.omeConfig=config', "at '/controller/routes/omeConfig': 'config' does not match pattern"],
  ])('%s', async (setting, message) => {
    await expect(render({ ...plain, args: [`--set=${setting}`] })).rejects.toThrow(message)
  })
})

type Rule = {
  readonly verbs: readonly string[]
  readonly resources: readonly string[]
  readonly resourceNames?: readonly string[]
}

/** Documents by the template that they come from, without what is said of Helm. */
function plainManifests(text: string): Map<string, string> {
  const components = new Map<string, string>()
  for (const document of text.split(/^---\n/m).slice(1)) {
    const component = /^# Source: signalbox\/templates\/(.+)\.yaml\n/.exec(document)![1]
    const lines = document
      .split('\n')
      .slice(1)
      .filter((line) => !/^ +(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): /.test(line))
    const before =
      components.get(component) ?? '# What the chart renders from its defaults. Change deploy/helm, not this.\n'
    components.set(component, `${before}---\n${lines.join('\n')}`)
  }
  return components
}
