import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Place } from '../compiled.ts'
import { configFieldName, type OmeConfig } from './config.ts'
import { Failure, showFound } from './failure.ts'
import { type InferenceService, isPresent } from './inference-service.ts'
import type { Settings } from './settings.ts'
import { annotationsOf, nameOf, placeOf, readTextMap, type TextMap, textOf } from './text-map.ts'

/** How OME runs a service. */
export type DeploymentMode = 'Serverless' | 'RawDeployment' | 'MultiNode' | 'VirtualDeployment'

const modes: Readonly<Record<string, DeploymentMode>> = {
  Serverless: 'Serverless',
  RawDeployment: 'RawDeployment',
  MultiNode: 'MultiNode',
  MultiNodeRayVLLM: 'MultiNode',
  VirtualDeployment: 'VirtualDeployment',
}

const annotationKeys = ['ome.io/deployment-mode', 'ome.io/deploymentMode']

/** The first of its sources that says something; the key `deploy` of the ConfigMap is looked at only when no other does. */
export function readDeploymentMode(isvc: InferenceService, config: OmeConfig, settings: Settings): DeploymentMode {
  const found = findMode(isvc, config)
  if (found === undefined) {
    settings.note('deploymentMode', 'Serverless', 'default')
    return 'Serverless'
  }
  const { written, field, at } = found
  const mode = Object.hasOwn(modes, written) ? modes[written] : undefined
  if (mode === undefined) {
    const allowed = Object.keys(modes).join(', ')
    throw new Failure('DeploymentModeInvalid', `${field}: found ${showFound(written)}, allowed: ${allowed}`, at)
  }
  settings.note('deploymentMode', mode, at)
  return mode
}

type FoundMode = { readonly written: string; readonly field: string; readonly at: Place }

function findMode({ service, engine }: InferenceService, config: OmeConfig): FoundMode | undefined {
  const spec = isObject(engine.spec) ? engine.spec : {}
  return (
    inAnnotations(annotationsOf(service)) ??
    inAnnotations(readTextMap(service, ['spec', 'engine', 'annotations'], spec.annotations)) ??
    inEngine(service, spec) ??
    inConfigMap(config)
  )
}

function inAnnotations(annotations: TextMap): FoundMode | undefined {
  for (const key of annotationKeys) {
    const written = textOf(annotations, key)
    if (written) return { written, field: nameOf(annotations, key), at: placeOf(annotations, key) }
  }
  return undefined
}

function inEngine(service: KubeObject, engine: Readonly<Record<string, unknown>>): FoundMode | undefined {
  const found = (written: DeploymentMode, key: string): FoundMode => {
    const field = `spec.engine.${key}`
    return { written, field, at: { object: service, path: ['spec', 'engine', key] } }
  }
  for (const key of ['leader', 'worker']) if (isPresent(engine[key])) return found('MultiNode', key)
  return engine.minReplicas === 0 ? found('Serverless', 'minReplicas') : undefined
}

function inConfigMap({ configMap, deploy }: OmeConfig): FoundMode | undefined {
  if ('failure' in deploy) throw deploy.failure
  const written = deploy.fields.defaultDeploymentMode
  if (!written || configMap === undefined) return undefined
  const field = configFieldName(configMap, 'deploy.defaultDeploymentMode')
  return { written, field, at: { object: configMap, path: ['data', 'deploy', 'defaultDeploymentMode'] } }
}
