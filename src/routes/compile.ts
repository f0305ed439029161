import type { KubeObject } from '../kubernetes/object.ts'
import { compileAimServices } from './aim/compile.ts'
import { type AimDecision, decideAimRoute, runtimeConfigName } from './aim/decide.ts'
import { withoutCollisions } from './collisions.ts'
import type { CompiledService } from './compiled.ts'
import { Memory } from './memory.ts'
import { withModelRoutes } from './model-route.ts'
import { compileInferenceService, componentServiceNames } from './ome/compile.ts'
import { type OmeConfig, readOmeConfig } from './ome/config.ts'
import { byNamespaceAndName } from './precedence.ts'

type Objects = ReadonlyMap<string, KubeObject>

/** All that routes are compiled from, each kind by `namespace/name`. Every object with a namespace names it. */
export type RouteSources = {
  readonly inferenceServices: Objects
  /** The ConfigMap of OME. */
  readonly omeConfig: KubeObject | undefined
  /** Services, as far as they are observed. */
  readonly services: Objects
  readonly aimServices: Objects
  readonly aimRuntimeConfigs: Objects
  /** By `/name`: they have no namespace. */
  readonly aimClusterRuntimeConfigs: Objects
  /** HTTPRoutes, as far as they are observed. */
  readonly httpRoutes: Objects
}

/** Remembers what it made of inputs, so that a change costs what has changed. Objects are told apart by identity. */
export class RouteCompiler {
  #omeConfig: OmeConfig | undefined
  readonly #ome = new Memory<CompiledService>()
  readonly #aimDecisions = new Memory<AimDecision>()
  readonly #aim = new Memory<CompiledService>()
  readonly #modelRoutes = new Memory<CompiledService>()

  /** In order of namespace, then name, InferenceServices first. */
  compile(sources: RouteSources): readonly CompiledService[] {
    const services = withoutCollisions([...this.#compileOme(sources), ...this.#compileAim(sources)])
    return withModelRoutes(services, this.#modelRoutes)
  }

  #compileOme({ inferenceServices, omeConfig, services }: RouteSources): readonly CompiledService[] {
    if (this.#omeConfig === undefined || this.#omeConfig.configMap !== omeConfig) {
      this.#omeConfig = readOmeConfig(omeConfig)
    }
    const config = this.#omeConfig
    this.#ome.keepOnly(inferenceServices)
    return sorted(inferenceServices).map(([key, service]) => {
      const { namespace } = service.metadata
      const observed = componentServiceNames(service).map((name) => services.get(`${namespace}/${name}`))
      return this.#ome.get(key, [service, config, ...observed], () =>
        compileInferenceService(service, config, (name) => services.get(`${namespace}/${name}`)),
      )
    })
  }

  #compileAim(sources: RouteSources): readonly CompiledService[] {
    const { aimServices, aimRuntimeConfigs, aimClusterRuntimeConfigs, httpRoutes } = sources
    this.#aimDecisions.keepOnly(aimServices)
    const decisions = sorted(aimServices).map(([key, service]) => {
      const name = runtimeConfigName(service)
      const config = aimRuntimeConfigs.get(`${service.metadata.namespace}/${name}`)
      const clusterConfig = aimClusterRuntimeConfigs.get(`/${name}`)
      return this.#aimDecisions.get(key, [service, config, clusterConfig], () =>
        decideAimRoute(service, name, config, clusterConfig),
      )
    })
    this.#aim.keepOnly(aimServices)
    return compileAimServices(decisions, httpRoutes, this.#aim)
  }
}

/** By namespace, then name. */
function sorted(objects: Objects): readonly (readonly [key: string, object: KubeObject])[] {
  return [...objects].sort(([, a], [, b]) => byNamespaceAndName(a, b))
}
