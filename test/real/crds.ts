import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseAllDocuments } from 'yaml'
import type { KubeApi, KubeObject } from './kube-api.ts'

const collection = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const establishTimeoutMs = 60_000

/**
 * Creates the named CRDs (`inferencepools.inference.networking.k8s.io`, …) from the YAML files below `folder` and waits
 * until the API serves them. Throws when the folder lacks one.
 */
export async function createCrds(api: KubeApi, folder: string, names: readonly string[]): Promise<void> {
  const definitions = readDefinitions(folder, names)
  for (const name of names) {
    const definition = definitions.get(name)
    if (!definition) throw new Error(`no CustomResourceDefinition ${name} in ${folder}`)
    await api.create(collection, definition)
  }
  for (const name of names) await waitUntilEstablished(api, name)
}

/** Those of the names that are there. */
function readDefinitions(folder: string, names: readonly string[]): Map<string, KubeObject> {
  const definitions = new Map<string, KubeObject>()
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/\.ya?ml$/.test(file)) continue
    const text = readFileSync(join(folder, file), 'utf8')
    // To parse all of them takes seconds.
    if (!names.some((name) => text.includes(name))) continue
    for (const document of parseAllDocuments(text)) {
      const object = document.toJS() as KubeObject | null
      if (object?.kind === 'CustomResourceDefinition') definitions.set(object.metadata.name, object)
    }
  }
  return definitions
}

type Definition = { status?: { conditions?: { type: string; status: string }[] } }

async function waitUntilEstablished(api: KubeApi, name: string): Promise<void> {
  const deadline = performance.now() + establishTimeoutMs
  for (;;) {
    const { status } = (await api.get(`${collection}/${name}`)) as Definition
    if (status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True')) return
    if (performance.now() > deadline) throw new Error(`CustomResourceDefinition ${name} was not established`)
    await sleep(50)
  }
}
