import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { Fields } from '../catalog/resources.ts'
import { helm } from '../deploy/helm.ts'
import {
  collectionOf,
  createNamespace,
  deploy,
  golden,
  manifests,
  objectsIn,
  renderings,
  startCluster,
} from '../deploy/objects.ts'
import { createCrds } from '../real/crds.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'

const run = promisify(execFile)
const { found, missing } = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS'])
for (const line of missing) console.log(`skipped: deploy/ on a real API server: ${line}`)
const kubectl = await run('kubectl', ['version', '--client']).then(
  () => 'kubectl',
  () => undefined,
)
if (kubectl === undefined) console.log('skipped: what kubectl makes of deploy/: put kubectl on PATH')

describe.skipIf(missing.length > 0)('on a real API server', () => {
  let folder: string
  let api: KubeApi

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-deploy-'))
    api = await startCluster(found.KUBEBUILDER_ASSETS, found.SIGNALBOX_CRDS, folder)
    const crds = join(folder, 'crds')
    mkdirSync(crds)
    writeFileSync(join(crds, 'servicemonitors.yaml'), JSON.stringify(serviceMonitors))
    await createCrds(api, crds, ['servicemonitors.monitoring.coreos.com'])
  })

  afterAll(async () => {
    await api?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const files = [...manifests, ...renderings].map((file) => ({ name: basename(file), file }))

  test.each(files)('every object of $name is accepted', async ({ file }) => {
    for (const object of objectsIn(file)) {
      const stored = await api.create(`${await collectionOf(api, object)}?dryRun=All&fieldValidation=Strict`, object)
      expect(stored.kind).toBe(object.kind)
    }
  })

  test('the pods keep to the strictest of the Pod Security Standards', async () => {
    await createNamespace(api, 'restricted', { 'pod-security.kubernetes.io/enforce': 'restricted' })
    const create = (pod: KubeObject) => api.create('/api/v1/namespaces/restricted/pods?dryRun=All', pod)
    const deployments = files.flatMap(({ file }) => objectsIn(file)).filter(({ kind }) => kind === 'Deployment')
    expect(deployments).toHaveLength(9)
    for (const pod of deployments.map(podOf)) {
      await create(pod)
      const careless = { ...pod, spec: { ...(pod.spec as Fields), securityContext: {} } }
      await expect(create(careless)).rejects.toThrow('violates PodSecurity "restricted:latest"')
    }
  })

  describe.skipIf(kubectl === undefined)('kubectl', () => {
    const apply = async (folder: string, ...args: string[]) =>
      (await run(kubectl!, ['--kubeconfig', api.kubeconfig, 'apply', '-k', folder, ...args])).stdout

    test('applies the kustomizations, one over the other, and again without an effect', async () => {
      expect(await apply(join(deploy, 'crds'))).toContain('inferencemodels.inference.networking.x-k8s.io')
      expect(await apply(join(deploy, 'manifests'))).toContain('deployment.apps/signalbox created')
      for (const _ of ['once', 'again']) await apply(join(deploy, 'manifests-with-extension'))
      // Only the controller's has changed: it got --pool-status.
      const generations = { signalbox: 1, 'signalbox-controller': 2, 'signalbox-extension': 1 }
      for (const [name, generation] of Object.entries(generations)) {
        const deployment = await api.get(`/apis/apps/v1/namespaces/default/deployments/${name}`)
        expect(deployment).toMatchObject({ metadata: { name, generation } })
      }
    })

    test('takes deploy/components/routes to either of them', async () => {
      for (const base of ['manifests', 'manifests-with-extension']) {
        const overlay = join(folder, `routes-over-${base}`)
        mkdirSync(overlay)
        const resources = [relative(overlay, join(deploy, base))]
        const components = [relative(overlay, join(deploy, 'components', 'routes'))]
        const kustomization = { namespace: 'elsewhere', resources, components }
        writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
        const { stdout } = await run(kubectl!, ['kustomize', overlay])
        const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
        const named = (kind: string, name: string) =>
          objects.find((object) => object.kind === kind && object.metadata.name === name)
        const { template } = named('Deployment', 'signalbox-controller')!.spec as {
          template: { spec: { containers: [{ args: string[] }] } }
        }
        const { args } = template.spec.containers[0]
        expect(args).toContain('--ome-config=ome/inferenceservice-config')
        expect(args).not.toContain('--no-routes')
        for (const part of ['routes', 'route-settings']) {
          const binding = named('ClusterRoleBinding', `default-signalbox-controller-${part}`)
          expect(binding).toMatchObject({ subjects: [{ name: 'signalbox-controller', namespace: 'elsewhere' }] })
        }
      }
    })

    test('moves all of it to another namespace by an overlay', async () => {
      const overlay = join(folder, 'overlay')
      mkdirSync(overlay)
      const images = [{ name: 'signalbox', newName: 'example.com/signalbox', newTag: 'v1' }]
      const base = relative(overlay, join(deploy, 'manifests'))
      const kustomization = { namespace: 'elsewhere', images, resources: [base] }
      writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization))
      const { stdout } = await run(kubectl!, ['kustomize', overlay])
      const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
      for (const { kind, metadata } of objects) {
        expect(metadata.namespace).toBe(kind.startsWith('ClusterRole') ? undefined : 'elsewhere')
      }
      const bindings = objects.filter(({ kind }) => kind.endsWith('Binding'))
      // For both what they read and the review of tokens; for the controller its lease and the replicas of serve.
      expect(bindings).toHaveLength(6)
      for (const { subjects } of bindings) expect(subjects).toMatchObject([{ namespace: 'elsewhere' }])
      expect(stdout.match(/image: .*/g)).toEqual(Array(2).fill('image: example.com/signalbox:v1'))
      await apply(overlay, '--dry-run=server')
    })
  })

  test.skipIf(helm === undefined)(
    'helm installs, upgrades, rolls back, uninstalls, and says what comes next',
    async () => {
      const chart = join(deploy, 'helm', 'signalbox')
      const command = async (...args: string[]) =>
        (await run(helm!, [...args, '--kubeconfig', api.kubeconfig, '--namespace', 'inference'])).stdout
      const deployment = '/apis/apps/v1/namespaces/inference/deployments/signalbox'
      const graceSeconds = async () => {
        const { spec } = (await api.get(deployment)) as { spec: { template: { spec: Fields } } }
        return spec.template.spec.terminationGracePeriodSeconds
      }
      expect(await command('install', 'signalbox', chart)).toContain(
        'Envoys call it at Service signalbox in namespace inference, port 9002, HTTP/2 without TLS.',
      )
      expect(await graceSeconds()).toBe(45)
      const upgraded = await command('upgrade', 'signalbox', chart, '--values', join(golden, 'everything.values.yaml'))
      expect(upgraded).toContain('{hostname: signalbox-extension.inference.svc, port: 9005}')
      expect(await graceSeconds()).toBe(75)
      await api.get(`${deployment}-extension`)
      await command('rollback', 'signalbox', '1')
      expect(await graceSeconds()).toBe(45)
      await expect(api.get(`${deployment}-extension`)).rejects.toThrow('404')
      await command('uninstall', 'signalbox')
      await expect(api.get(deployment)).rejects.toThrow('404')
    },
  )
})

/** The Pod that a ReplicaSet would make, but for what has to exist first. */
function podOf(deployment: KubeObject): KubeObject {
  const { template } = deployment.spec as { template: { metadata: Fields; spec: Fields } }
  const { priorityClassName: _, ...spec } = template.spec
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name: deployment.metadata.name }, spec }
}

/** The Prometheus operator's kind, as far as it is used here. */
const serviceMonitors: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'servicemonitors.monitoring.coreos.com' },
  spec: {
    group: 'monitoring.coreos.com',
    scope: 'Namespaced',
    names: { kind: 'ServiceMonitor', plural: 'servicemonitors' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
      },
    ],
  },
}
