import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../real/kube-api.ts'

/** The manifests; SIGNALBOX_GUIDE names another folder with files of the same names. */
const folderOfManifests = process.env.SIGNALBOX_GUIDE ?? join(import.meta.dirname, 'manifests')

export const guideFiles = ['10-qwen-backend', '11-deepseek-backend', '20-pools-models', '30-gateway', '40-route']

/** The objects of a file, each in the namespace where `kubectl apply` puts it. */
export function readGuide(file: string): KubeObject[] {
  const documents = parseAllDocuments(readFileSync(join(folderOfManifests, `${file}.yaml`), 'utf8'))
  return documents.map((document) => {
    const object = document.toJS() as KubeObject
    if (object.kind === 'GatewayClass') return object
    return { ...object, metadata: { namespace: 'default', ...object.metadata } }
  })
}
