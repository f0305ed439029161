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
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  [field: string]: unknown
}

/** A real Kubernetes API on loopback: etcd and kube-apiserver, no controllers, no kubelet. */
export type KubeApi = {
  readonly url: string
  /** A kubeconfig with an administrator's token. */
  readonly kubeconfig: string
  /** POSTs to a collection such as `/api/v1/namespaces/default/pods`. */
  create(collection: string, object: KubeObject): Promise<void>
  /** Merge-patches an object; the path may end in `/status`. */
  patch(path: string, change: object): Promise<void>
  get(path: string): Promise<unknown>
  stop(): Promise<void>
}

const administratorToken = 'bench-administrator'
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
  writeFileSync(tokens, `${administratorToken},administrator,1,"system:masters"\n`)
  const server = new GuardedProcess({
    name: 'kube-apiserver',
    command: join(assets, 'kube-apiserver'),
    args: [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
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
  const stop = async () => {
    await server.stop()
    await etcd.stop()
  }

  try {
    const url = `https://127.0.0.1:${securePort}`
    const call = requester(url, join(certificates, 'apiserver.crt'))
    await untilReady(server, async () => (await call('GET', '/readyz')) === 'ok', startTimeoutMs)
    const kubeconfig = join(directory, 'kubeconfig')
    writeFileSync(kubeconfig, kubeconfigText(url, readFileSync(join(certificates, 'apiserver.crt'))))
    return {
      url,
      kubeconfig,
      async create(collection, object) {
        await call('POST', collection, object)
      },
      async patch(path, change) {
        await call('PATCH', path, change)
      },
      get: (path) => call('GET', path),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function kubeconfigText(url: string, ca: Buffer): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server: url, 'certificate-authority-data': ca.toString('base64') } }],
    users: [{ name: 'administrator', user: { token: administratorToken } }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'administrator', namespace: 'default' } }],
    'current-context': 'bench',
  })
}

type Call = (method: 'GET' | 'POST' | 'PATCH', path: string, body?: object) => Promise<unknown>

/** Rejects with method, path, HTTP status and the API's own message when the answer is not a success. */
function requester(url: string, caFile: string): Call {
  const agent = new Agent({ keepAlive: true })
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers: Record<string, string> = { authorization: `Bearer ${administratorToken}` }
      if (body) headers['content-type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
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
