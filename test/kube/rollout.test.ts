import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments, stringify } from 'yaml'
import { steadyTraffic } from '../../bench/rollback/stage.ts'
import { Client } from '../../src/demo/client.ts'
import { withAnswersSeen } from '../../src/demo/envoy-file.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'
import { type Started, startEnvoy } from '../../src/demo/programs.ts'
import { kinds } from '../../src/kubernetes/kinds.ts'
import { collectionPath } from '../../src/kubernetes/object.ts'
import type { RolloutProgress } from '../../src/rollout/progress.ts'
import { seededRandom } from '../../src/sim/random.ts'
import { startSim } from '../../src/sim/sim.ts'
import { envoy } from '../e2e/envoy.ts'
import type { KubeApi, KubeObject } from '../real/kube-api.ts'
import { isSkipped, put, putPod, startCluster } from './cluster.ts'
import {
  type ControllerProcess,
  conditionOf,
  eventually,
  grant,
  leastRights,
  read,
  startController,
} from './controller.ts'

const root = join(import.meta.dirname, '..', '..')
const binary = join(root, 'bin', 'signalbox')
const run = promisify(execFile)

const modelServer = '127.0.4.1'
const modelPort = 8000
/** Of the replicas of Signalbox, which share their ports. */
const replicaAddresses = ['127.0.4.11', '127.0.4.12']

describe.skipIf(isSkipped || envoy === undefined)(
  'rollouts in a real cluster: two replicas that serve, two controllers',
  () => {
    const started: Started = []
    let api: KubeApi
    let controllers: ControllerProcess[]
    let metricsPort: number
    const stop = new AbortController()

    beforeAll(async () => {
      api = await startCluster()
      started.push(() => api.stop())
      await grant(api, leastRights)
      for (const object of await exampleObjects()) await put(api, object.itsKind, object.object)

      const sim = await startSim({
        model: 'qwen',
        adapters: ['travel-helper-v1', 'travel-helper-v2'],
        host: modelServer,
        port: modelPort,
      })
      started.push(() => sim.close())
      await putPod(api, { name: 'qwen-0', labels: { app: 'qwen' } }, { ip: modelServer })

      const [grpc, health, metrics, gateway, admin] = await freePorts(5)
      metricsPort = metrics
      for (const [index, host] of replicaAddresses.entries()) {
        const replica = new GuardedProcess({
          name: `signalbox serve on ${host}`,
          command: binary,
          args: [
            ...['serve', '--kubernetes', `--kubeconfig=${api.kubeconfig}`, '--secure-serving=false', `--host=${host}`],
            ...[`--grpc-port=${grpc}`, `--grpc-health-port=${health}`, `--metrics-port=${metrics}`],
          ],
        })
        started.push(() => replica.stop())
        await untilReady(replica, async () => (await fetch(`http://${host}:${metrics}/metrics`)).ok)
        await putReplicaPod(api, `signalbox-${index}`, host, metrics)
      }

      const folder = await mkdtemp(join(tmpdir(), 'signalbox-rollout-'))
      started.push(() => rm(folder, { recursive: true, force: true }))
      const file = join(folder, 'envoy.yaml')
      const template = await readFile(join(root, 'envoy', 'full-duplex.yaml'), 'utf8')
      await writeFile(file, withAnswersSeen(moved(template, grpc, gateway, admin)))
      await startEnvoy(started, { command: envoy!, name: 'envoy', file, adminPort: admin })

      const client = new Client(`http://127.0.0.1:${gateway}`)
      const ask = async (user: string) => {
        const body = JSON.stringify({
          model: 'travel-helper',
          user,
          messages: [{ role: 'user', content: 'where to?' }],
        })
        return (await client.send({ path: '/v1/chat/completions', body })).status
      }
      const traffic = steadyTraffic({ ask }, { perSecond: 30, users: 300 }, seededRandom(5, 1), stop.signal)
      started.push(async () => {
        stop.abort()
        await traffic
        client.close()
      })

      const kubeconfig = api.kubeconfigOf('controller')
      const flags = ['--no-routes', '--leader-election-namespace=default']
      controllers = [await startController(kubeconfig, flags), await startController(kubeconfig, flags)]
      started.push(() => Promise.all(controllers.map((controller) => controller.stop())))
    })
    afterAll(async () => {
      for (const end of started.reverse()) await end()
    })

    const annotate = (annotations: Record<string, string | null>) =>
      api.patch('/apis/inference.networking.x-k8s.io/v1alpha2/namespaces/default/inferencemodels/travel-helper', {
        metadata: {
          annotations: Object.fromEntries(
            Object.entries(annotations).map(([name, value]) => [`signalbox.dev/${name}`, value]),
          ),
        },
      })

    const stored = () =>
      api.get('/api/v1/namespaces/default/configmaps/signalbox-rollouts') as Promise<
        KubeObject & { data?: Record<string, string> }
      >

    const progress = async (): Promise<RolloutProgress | undefined> => {
      const text = (await stored()).data?.['inferencemodel.travel-helper']
      return text === undefined ? undefined : JSON.parse(text)
    }
    const untilPhase = (phase: string) => eventually(async () => expect((await progress())?.phase).toBe(phase), 60_000)
    const rolloutCondition = () => conditionOf(api, kinds.model, 'travel-helper', 'Rollout')

    /** Events of the model's rollouts, in the order of their making. */
    async function events() {
      const { items } = (await api.get('/api/v1/namespaces/default/events')) as {
        items: {
          metadata: { resourceVersion: string }
          type: string
          reason: string
          message: string
          involvedObject: object
        }[]
      }
      return items
        .filter(({ reason }) => reason.startsWith('Rollout'))
        .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`)
    }

    /** What each replica gives the target. */
    const weights = () =>
      Promise.all(
        replicaAddresses.map(async (host) => {
          const page = await (
            await fetch(`http://${host}:${metricsPort}/metrics?name[]=signalbox_target_weight_ratio`)
          ).text()
          return Number(/target="travel-helper-v2"\} (\S+)/.exec(page)?.[1])
        }),
      )

    const cli = async (...args: string[]) =>
      (await run(binary, ['rollout', ...args, '--kubeconfig', api.kubeconfig])).stdout

    test('when the leader is killed in the midst of it, the other one goes on where it was', async () => {
      await annotate({
        'rollout-steps': '20% for 4s, 60% for 4s, 100%',
        // Of servers that answer at once, on a machine with other things to do, times tell nothing.
        'rollout-limits': 'samples=10, ttft-p90=100x, tokens-per-second=0.01x',
        'sticky-by': 'user',
      })
      const seen: number[] = []
      await untilPhase('Progressing')
      await eventually(async () => expect(await weights()).toEqual([0.2, 0.2]))
      const leads = await Promise.all(controllers.map((each) => each.isLeader()))
      expect(leads.filter(Boolean)).toHaveLength(1)
      await controllers[leads.indexOf(true)].kill()

      await eventually(async () => {
        const { weightPercent = 0, phase } = (await progress()) ?? {}
        if (seen.at(-1) !== weightPercent) seen.push(weightPercent)
        expect(phase).toBe('Completed')
      }, 60_000)
      expect(seen[0]).toBeGreaterThanOrEqual(20)
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      await eventually(async () => expect(await weights()).toEqual([1, 1]))
      await eventually(async () =>
        expect(await rolloutCondition()).toEqual({
          type: 'Rollout',
          status: 'True',
          reason: 'Completed',
          message: 'travel-helper-v2 has 100%, the last step',
          observedGeneration: (await read(api, kinds.model, 'travel-helper')).metadata.generation,
        }),
      )
      expect(await conditionOf(api, kinds.model, 'travel-helper')).toMatchObject({ type: 'Accepted', status: 'True' })
      expect((await stored()).metadata.labels).toEqual({ 'signalbox.dev/rollouts': 'true' })
      await eventually(async () =>
        expect(await events()).toEqual([
          'Normal RolloutProgressing: step 1 of 3: travel-helper-v2 has 20% for 4s',
          'Normal RolloutProgressing: step 2 of 3: travel-helper-v2 has 60% for 4s',
          'Normal RolloutCompleted: travel-helper-v2 has 100%, the last step',
        ]),
      )
    })

    test('people pause, resume and abort it, and see how it stands', async () => {
      await annotate({ 'rollout-steps': '30% for 10m, 100%', 'rollout-restarted-at': '2026-01-31T12:00:00Z' })
      await untilPhase('Progressing')
      expect(await cli('pause', 'inferencemodel/travel-helper')).toBe(
        'inferencemodel/travel-helper in default: paused\n',
      )
      await untilPhase('Paused')
      await eventually(async () =>
        expect(await rolloutCondition()).toMatchObject({
          status: 'Unknown',
          reason: 'Paused',
          message: 'paused at step 1 of 2: travel-helper-v2 keeps 30%',
        }),
      )
      expect(await weights()).toEqual([0.3, 0.3])
      const text = await cli('status', 'travel-helper')
      expect(text).toContain('inferencemodel/travel-helper in default\n  Paused, step 1 of 2 for ')
      expect(text).toMatch(/^ {2}travel-helper-v2 +30% +\d+ +0% /m)
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)

      await cli('resume', 'inferencemodel/travel-helper')
      await untilPhase('Progressing')
      await cli('abort', 'inferencemodels/travel-helper')
      await untilPhase('Aborted')
      await eventually(async () => expect(await weights()).toEqual([0, 0]))
      expect(await cli('resume', 'inferencemodel/travel-helper')).toContain('begins anew')
      await untilPhase('Progressing')
    })

    test('a rollout that is taken away leaves nothing behind', async () => {
      await annotate({ 'rollout-steps': null })
      await eventually(async () => expect((await stored()).data ?? {}).toEqual({}))
      await eventually(async () => {
        const { status } = await read(api, kinds.model, 'travel-helper')
        expect(status?.conditions?.map(({ type }) => type)).toEqual(['Accepted'])
      })
    })
  },
)

/** A Pod of the chart's Deployment, as the kubelet leaves it. */
async function putReplicaPod(api: KubeApi, name: string, ip: string, metricsPort: number): Promise<void> {
  const labels = { 'app.kubernetes.io/name': 'signalbox', 'app.kubernetes.io/component': 'serve' }
  const ports = [{ name: 'metrics', containerPort: metricsPort }]
  await api.create(collectionPath(kinds.pod, 'default'), {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'serve', image: 'signalbox', ports }] },
  })
  await api.patch(`/api/v1/namespaces/default/pods/${name}/status`, {
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  })
}

async function exampleObjects() {
  const texts = ['pools', 'models'].map((name) =>
    readFile(join(root, 'examples', 'two-models', `${name}.yaml`), 'utf8'),
  )
  const objects = (await Promise.all(texts)).flatMap((text) =>
    parseAllDocuments(text).map((each) => each.toJS() as KubeObject),
  )
  return objects.map((object) => {
    const itsKind = Object.values(kinds).find(
      ({ apiVersion, kind }) => apiVersion === object.apiVersion && kind === object.kind,
    )!
    return { itsKind, object }
  })
}

// biome-ignore lint/suspicious/noExplicitAny: an Envoy configuration, read where envoy/full-duplex.yaml has it
type Yaml = any

/** envoy/full-duplex.yaml with the addresses of this test. */
function moved(text: string, grpcPort: number, gatewayPort: number, adminPort: number): string {
  const configuration: Yaml = parse(text, { merge: true })
  const { admin, static_resources: fixed } = configuration
  admin.address.socket_address.port_value = adminPort
  fixed.listeners[0].address.socket_address.port_value = gatewayPort
  const endpoint = (address: string, port_value: number) => ({
    endpoint: { address: { socket_address: { address, port_value } } },
  })
  for (const { name, load_assignment } of fixed.clusters) {
    load_assignment.endpoints[0].lb_endpoints =
      name === 'signalbox' ? replicaAddresses.map((ip) => endpoint(ip, grpcPort)) : [endpoint(modelServer, modelPort)]
  }
  return stringify(configuration, { aliasDuplicateObjects: false })
}
