import { type KubeObject, keyOf } from '../kubernetes/object.ts'
import type { CompiledService, ServiceCondition } from './compiled.ts'
import { byAge } from './precedence.ts'

/**
 * Names that are derived from names can meet: component `engine` of a service `chat` has the name of a service `chat-engine`.
 * Who is younger gets nothing then and an error that names the other, so that each object has one owner.
 */
export function withoutCollisions(services: readonly CompiledService[]): readonly CompiledService[] {
  const keysOf = ({ objects }: CompiledService) =>
    objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)
  const all = services.flatMap(keysOf)
  if (new Set(all).size === all.length) return services
  const owners = new Map<string, KubeObject>()
  const results = new Map<CompiledService, CompiledService>()
  for (const compiled of services.toSorted((a, b) => byAge(a.service, b.service))) {
    const keys = keysOf(compiled)
    const taken = keys.find((key) => owners.has(key))
    if (taken === undefined) for (const key of keys) owners.set(key, compiled.service)
    else results.set(compiled, withCollision(compiled, taken, owners.get(taken)!))
  }
  return services.map((compiled) => results.get(compiled) ?? compiled)
}

function withCollision(compiled: CompiledService, name: string, owner: KubeObject): CompiledService {
  const reason = 'NameCollision'
  const message = `${name} is generated for ${owner.kind} ${keyOf(owner)}, which was first`
  const failed = (type: string): ServiceCondition => ({ type, status: 'False', reason, message })
  const conditions =
    compiled.service.kind === 'AIMService'
      ? [...compiled.status.conditions.filter(({ type }) => type === 'RuntimeConfigReady'), failed('HTTPRouteReady')]
      : [failed('IngressReady')]
  return {
    ...compiled,
    objects: [],
    others: 'keep',
    status: { conditions },
    problem: { reason, message, at: { object: compiled.service, path: ['metadata', 'name'] } },
  }
}
