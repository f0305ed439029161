import type { Compiled } from '../catalog/compile.ts'
import { type Declaration, whyFirst } from '../catalog/declaration.ts'
import type { FieldPath } from '../catalog/problem.ts'
import type { Finding } from '../preflight/finding.ts'
import { type Known, takeInventory } from '../preflight/inventory.ts'
import { type Survey, survey as surveyOf } from '../preflight/picker.ts'
import { locateTraps } from '../preflight/preflight.ts'
import type { ClientRequest } from './client-request.ts'
import type { ExplainedModel, ExplainedRoute, ExplainedSource, Explanation } from './explanation.ts'
import { findingsOf, trapMessage } from './findings.ts'
import { matchRoutes } from './http-routes.ts'
import { summarize } from './summary.ts'

/** What is known of the resources around a decision, read once. */
export type Surroundings = {
  readonly known: Known
  /** What has to do with gateways, and the traps in it; undefined where only the decision itself is looked at. */
  readonly gateways: { readonly survey: Survey; readonly traps: readonly Finding[] } | undefined
}

const surroundingsOf = new WeakMap<Compiled, Surroundings>()

/** Sorts out what explanations look at; once for each state of the resources, as it takes long where there are thousands. */
function survey(known: Known): Surroundings {
  let found = surroundingsOf.get(known.compiled)
  if (found === undefined || found.known.endpoints !== known.endpoints) {
    found = { known, gateways: { survey: surveyOf(takeInventory(known)), traps: locateTraps(known).map(named) } }
    surroundingsOf.set(known.compiled, found)
  }
  return found
}

/** A trap's own words say nothing of where it is: they stand behind the place. */
const named = ({ resource, finding }: ReturnType<typeof locateTraps>[number]): Finding => ({
  ...finding,
  message: trapMessage(resource, finding.path, finding.message),
  path: '',
})

/** Adds what the resources say beside the decision: places, who lost, the routes of the gateway, and findings. */
export function complete(explanation: Explanation, client: ClientRequest, known: Known): Explanation {
  const surroundings = survey(known)
  const gateways = surroundings.gateways!
  const route = matchRoutes(gateways.survey, client, explanation.sent)
  const placed = placedIn(explanation, known.compiled)
  if (route === undefined) return concluded(placed, surroundings)
  return concluded({ ...placed, route, outcome: outcomeWith(placed, route, gateways.survey) }, surroundings)
}

/** The same for a decision whose request is not known any more: nothing is said of gateways, and it is cheap. */
export function completeDecision(explanation: Explanation, known: Known): Explanation {
  return concluded(placedIn(explanation, known.compiled), { known, gateways: undefined })
}

function placedIn(explanation: Explanation, compiled: Compiled): Explanation {
  const { pool, model, priority } = explanation
  return {
    ...explanation,
    ...(model === undefined ? {} : { model: completeModel(model, pool?.key, compiled) }),
    ...(pool === undefined ? {} : { pool: { ...pool, ...located(compiled, pool.resource, ['spec', 'selector']) } }),
    ...(priority?.source === undefined
      ? {}
      : { priority: { ...priority, source: located(compiled, priority.source.resource, priorityPath(priority.why)) } }),
  }
}

function concluded(explanation: Explanation, surroundings: Surroundings): Explanation {
  const whole = { ...explanation, findings: findingsOf(explanation, surroundings) }
  return { ...whole, summary: summarize(whole) }
}

/** Where routes are of Gateways that are known, what none of them takes never comes here, or ends here. */
function outcomeWith(
  { outcome, sent }: Explanation,
  route: ExplainedRoute,
  { listeners }: Survey,
): Explanation['outcome'] {
  if (listeners.length === 0) return outcome
  const isLost = route.first === undefined || (sent !== undefined && route.last === undefined)
  return isLost ? 'unmatched' : outcome
}

const priorityPath = (why: 'objective' | 'criticality' | 'default'): FieldPath =>
  why === 'objective' ? ['spec', 'priority'] : ['spec', 'criticality']

function completeModel(model: ExplainedModel, poolKey: string | undefined, compiled: Compiled): ExplainedModel {
  const { source, asked } = model
  const winner = source && compiled.accepted.get(source.resource)
  const rivals = winner === undefined ? [] : rivalsOf(winner, asked, poolKey, compiled)
  return {
    ...model,
    ...(source === undefined ? {} : { source: located(compiled, source.resource, targetPath(winner, model)) }),
    losers: [
      ...model.losers.map(({ resource, why }) => ({ ...located(compiled, resource, ['spec', 'targetModels']), why })),
      ...rivals.map((rival) => ({
        resource: rival.id,
        place: rival.origin.place(['spec']),
        why: `${winner!.id} ${whyFirst(winner!, rival)}`,
      })),
    ],
  }
}

/** Resources of the winner's kind that say something of the same name in the same pool. */
function rivalsOf(
  winner: Declaration,
  asked: string,
  poolKey: string | undefined,
  { accepted }: Compiled,
): Declaration[] {
  return [...accepted.values()].filter((each) => {
    if (each === winner || each.kind !== winner.kind) return false
    if (each.kind === 'model') return each.modelName === asked && each.poolKey === poolKey
    if (each.kind === 'rewrite')
      return each.poolKey === poolKey && each.rules.some(({ models }) => models.includes(asked))
    return false
  })
}

/** Where the chosen target stands in its resource. */
function targetPath(declaration: Declaration | undefined, { asked, target }: ExplainedModel): FieldPath {
  if (declaration?.kind === 'rewrite') {
    const exact = declaration.rules.findIndex(({ models }) => models.includes(asked))
    const rule = exact >= 0 ? exact : declaration.rules.findIndex(({ models }) => models.length === 0)
    const at = declaration.rules[rule]?.targets.findIndex(({ name }) => name === target) ?? -1
    return ['spec', 'rules', rule, 'targets', at]
  }
  if (declaration?.kind === 'model') {
    const at = declaration.targets.findIndex(({ name }) => name === target)
    return ['spec', 'targetModels', at, 'name']
  }
  return ['spec']
}

function located({ accepted }: Compiled, resource: string, path: FieldPath): ExplainedSource {
  const place = accepted.get(resource)?.origin.place(path)
  return place === undefined ? { resource } : { resource, place }
}
