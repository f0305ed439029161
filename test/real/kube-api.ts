import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'

export type KubeObject = {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
  }
  [field: string]: unknown
}

/** A real Kubernetes API on loopback: etcd and kube-apiserver, no controllers, no kubelet. */
export type KubeApi = {
  readonly url: string
  /** A kubeconfig with an administrator's token. */
  readonly kubeconfig: string
  /** Writes a kubeconfig for a user without rights but those that RBAC objects give to them. */
  kubeconfigOf(user: TestUser): string
  /** POSTs to a collection such as `/api/v1/namespaces/default/pods`; gives the object as it was stored. */
  create(collection: string, object: KubeObject): Promise<KubeObject>
  /** Creates or changes an object by server-side apply; the path is the object's own, and may end in `/status`. */
  apply(path: string, object: KubeObject, fieldManager?: string): Promise<KubeObject>
  /** Merge-patches an object; the path may end in `/status`. */
  patch(path: string, change: object): Promise<void>
  get(path: string): Promise<unknown>
  delete(path: string): Promise<void>
  /** Kills the API server; its port refuses connections until {@link resume}. What it stored stays. */
  interrupt(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
}

/** Users that the API server knows beside its administrator. */
export const testUsers = ['signalbox', 'controller'] as const
export type TestUser = (typeof testUsers)[number]

const administratorToken = 'administrator'
const startTimeoutMs = 60_000

/**
 * Starts etcd and kube-apiserver from a folder of binaries (`KUBEBUILDER_ASSETS`) on free ports; all their files,
 * certificates among them, go to `directory`.
 */
export async function startKubeApi(assets: string, directory: string): Promise<KubeApi> {
  const [clientPort, peerPort, securePort] = await freePorts(3)
  const etcdUrl = `http://127.0.0.1:${clientPort}`
  const etcd = new GuardedProcess({
    name: 'etcd',
    command: join(assets, 'etcd'),
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      '--unsafe-no-fsync',
    ],
  })

  const certificates = join(directory, 'certificates')
  mkdirSync(certificates, { recursive: true })
  const accountKey = join(certificates, 'service-accounts.key')
  const tokens = join(certificates, 'tokens.csv')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(accountKey, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const users = testUsers.map((user, i) => `${user}-token,${user},${i + 2},""`)
  writeFileSync(tokens, [`${administratorToken},administrator,1,"system:masters"`, ...users, ''].join('\n'))
  const startServer = () =>
    new GuardedProcess({
      name: 'kube-apiserver',
      command: join(assets, 'kube-apiserver'),
      args: [
        `--etcd-servers=${etcdUrl}`,
        '--bind-address=127.0.0.1',
        // What it would look up by the default route, which a network namespace for tests does not have.
        '--advertise-address=127.0.0.1',
        '--endpoint-reconciler-type=none',
        `--secure-port=${securePort}`,
        // kube-apiserver makes its serving certificate there, and puts the CA of it into the same file.
        `--cert-dir=${certificates}`,
        '--service-account-issuer=https://127.0.0.1',
        `--service-account-key-file=${accountKey}`,
        `--service-account-signing-key-file=${accountKey}`,
        `--token-auth-file=${tokens}`,
        '--authorization-mode=RBAC',
        // Without a controller manager no namespace gets its default service account, which that plugin waits for.
        '--disable-admission-plugins=ServiceAccount',
        '--service-cluster-ip-range=10.0.0.0/24',
      ],
    })
  let server = startServer()
  const stop = async () => {
    await server.stop()
    await etcd.stop()
  }

  const url = `https://127.0.0.1:${securePort}`
  const authority = join(certificates, 'apiserver.crt')
  const call = requester(url, authority)
  const ready = () => untilReady(server, async () => (await call('GET', '/readyz')) === 'ok', startTimeoutMs)
  const writeKubeconfig = (user: string, token: string) => {
    const file = join(directory, `kubeconfig-${user}`)
    writeFileSync(file, kubeconfigText(url, readFileSync(authority), user, token))
    return file
  }
  try {
    await ready()
    return {
      url,
      kubeconfig: writeKubeconfig('administrator', administratorToken),
      kubeconfigOf: (user) => writeKubeconfig(user, `${user}-token`),
      create: async (collection, object) => (await call('POST', collection, object)) as KubeObject,
      async apply(path, object, fieldManager = 'test') {
        const stored = await call(
          'PATCH',
          `${path}?fieldManager=${fieldManager}&force=true`,
          object,
          'apply-patch+yaml',
        )
        return stored as KubeObject
      },
      async patch(path, change) {
        await call('PATCH', path, change, 'merge-patch+json')
      },
      get: (path) => call('GET', path),
      async delete(path) {
        await call('DELETE', path)
      },
      async interrupt() {
        process.kill(server.pid, 'SIGKILL')
        await server.ended
      },
      async resume() {
        server = startServer()
        await ready()
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function kubeconfigText(url: string, ca: Buffer, user: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': ca.toString('base64') } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user, namespace: 'default' } }],
    'current-context': 'test',
  })
}

type Call = (
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  patchType?: 'merge-patch+json' | 'apply-patch+yaml',
) => Promise<unknown>

/** Rejects with method, path, HTTP status and the API's own message when the answer is not a success. */
function requester(url: string, caFile: string): Call {
  const agent = new Agent({ keepAlive: true })
  return (method, path, body, patchType) =>
    new Promise((resolve, reject) => {
      const headers: Record<string, string> = { authorization: `Bearer ${administratorToken}` }
      if (body) headers['content-type'] = `application/${patchType ?? 'json'}`
      // The CA file appears while the server starts, so it is read per call.
      const call = request(new URL(path, url), { method, headers, agent, ca: readFileSync(caFile) }, (answer) => {
        answer.setEncoding('utf8')
        let text = ''
        answer.on('data', (part: string) => (text += part))
        answer.on('end', () => {
          const isJson = answer.headers['content-type']?.includes('json')
          const content: unknown = isJson ? JSON.parse(text) : text
          if (answer.statusCode! < 300) return resolve(content)
          const message = isJson ? (content as { message?: string }).message : text.trim()
          reject(new Error(`${method} ${path}: ${answer.statusCode} ${message}`))
        })
      })
      call.on('error', reject)
      call.end(body && JSON.stringify(body))
    })
}
