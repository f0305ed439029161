import { type RolloutState, resourceOfKey, rolloutState, rolloutsLabel, rolloutsName } from '../rollout/state.ts'
import type { RolloutStates } from './declaration.ts'
import { problemAt, readFields, show } from './fields.ts'
import type { FieldPath, Problem } from './problem.ts'
import type { Origin } from './resource.ts'

/**
 * The states that the data of a ConfigMap holds, by the id of their resource. An entry that can't be read is a warning: what was
 * known of its resource stays ({@link keepStates}).
 */
export function readStates(
  data: Readonly<Record<string, string>>,
  namespace: string,
  origin: Origin,
  problems: Problem[],
): Pick<RolloutStates, 'states' | 'unreadable'> {
  const states = new Map<string, RolloutState>()
  const unreadable: string[] = []
  for (const [key, text] of Object.entries(data)) {
    const path = ['data', key]
    const resource = resourceOfKey(key)
    if (resource === undefined) {
      const message = 'unknown key, allowed: inferencemodel.NAME, inferencemodelrewrite.NAME'
      problems.push(problemAt(origin, path, message, 'warning'))
      continue
    }
    const id = `${resource.kind} ${namespace}/${resource.name}`
    const reading = readState(text, origin, path)
    if (reading.data === undefined) unreadable.push(id)
    else states.set(id, reading.data)
    for (const problem of reading.problems) {
      const message = `${problem.message}; its target keeps the weight that it had, or gets none`
      problems.push({ ...problem, severity: 'warning', message })
    }
  }
  return { states, unreadable }
}

function readState(
  text: string,
  origin: Origin,
  path: FieldPath,
): { readonly data: RolloutState | undefined; readonly problems: readonly Problem[] } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { data: undefined, problems: [problemAt(origin, path, `found ${show(text)}, allowed: a JSON object`)] }
  }
  return readFields(rolloutState, value, origin, 'ignore', path)
}

/** `current`, with what `before` knew of the resources whose entries can't be read now. */
export function keepStates(current: RolloutStates, before: RolloutStates | undefined): RolloutStates {
  const kept = current.unreadable.flatMap((id) => {
    const state = before?.states.get(id)
    return state === undefined ? [] : [[id, state] as const]
  })
  return kept.length === 0 ? current : { ...current, states: new Map([...current.states, ...kept]) }
}

/** A ConfigMap with the label and another name is one that nobody writes: it counts for nothing. */
export function misnamedStates(name: string, origin: Origin): Problem | undefined {
  if (name === rolloutsName) return undefined
  const message = `found ${show(name)}, allowed with the label ${rolloutsLabel}: ${show(rolloutsName)}`
  return problemAt(origin, ['metadata', 'name'], message, 'warning')
}
