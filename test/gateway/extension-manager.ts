import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { parse } from 'yaml'
import type { KubeApi } from '../real/kube-api.ts'

/** As docs/extension.md has it, but for the address. */
export function extensionManager(port: number, speaksTls: boolean) {
  const chapter = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'extension.md'), 'utf8')
  const [, text] = /^```yaml\n(extensionManager:\n.*?)^```$/ms.exec(chapter)!
  const service = { fqdn: { hostname: 'localhost', port }, ...(speaksTls && { tls: { certificateRef: authority } }) }
  return { ...parse(text).extensionManager, service }
}

/** The Secret by which Envoy Gateway verifies the extension server. */
const authority = { kind: 'Secret', name: 'extension-authority', namespace: 'default' }

/** The folder of a certificate for localhost, which Envoy Gateway trusts. */
export async function makeCertificates(folder: string, api: KubeApi): Promise<string> {
  const path = join(folder, 'extension-certificates')
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' })
  await mkdir(path)
  await writeFile(join(path, 'tls.crt'), cert)
  await writeFile(join(path, 'tls.key'), key)
  const { name, namespace } = authority
  await api.create(`/api/v1/namespaces/${namespace}/secrets`, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData: { 'tls.crt': cert },
  })
  return path
}
