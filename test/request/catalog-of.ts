import type { Catalog, ModelRule, Pool, StickyKey } from '../../src/catalog/catalog.ts'

/** One rule of a model name. */
export type RuleInput = {
  /** `namespace/name` */
  readonly pool: string
  /** Weights by target name. */
  readonly targets: Readonly<Record<string, number>>
  readonly stickyBy?: StickyKey
  /** Share of the name's requests that the pool gets; 1 when left out. */
  readonly poolWeight?: number
}

export type CatalogInput = {
  /** Keys, `namespace/name`. */
  readonly pools?: readonly string[]
  readonly models?: Readonly<Record<string, RuleInput | readonly RuleInput[]>>
  /** Adapter → base model. */
  readonly baseModels?: Readonly<Record<string, string>>
}

/** A catalog in a few words. */
export function catalogOf({ pools: keys = [], models = {}, baseModels = {} }: CatalogInput): Catalog {
  const pools = new Map(keys.map((key) => [key, poolOf(key)]))
  const routes = Object.entries(models).map(([modelName, input]) => {
    const inputs = Array.isArray(input) ? (input as readonly RuleInput[]) : [input as RuleInput]
    const rules = inputs.map((rule) => ruleOf(modelName, rule, pools.get(rule.pool)!))
    const weights = inputs.map(({ poolWeight = 1 }) => poolWeight)
    return [modelName, { rules, weights, totalWeight: sum(weights) }] as const
  })
  const sticky = routes.flatMap(([, { rules }]) => rules.map(({ stickyBy }) => stickyBy))
  return {
    pools,
    models: new Map(routes),
    baseModels: new Map(Object.entries(baseModels)),
    headerNames: sticky.flatMap((key) => (key?.kind === 'header' ? [key.name] : [])),
  }
}

function poolOf(key: string): Pool {
  const [namespace, name] = key.split('/')
  return { key, namespace, name, selector: [['app', name]], targetPorts: [8000], appProtocol: 'http' }
}

function ruleOf(modelName: string, { targets, stickyBy }: RuleInput, pool: Pool): ModelRule {
  const list = Object.entries(targets).map(([name, weight]) => {
    return { name, weight, literal: Buffer.from(JSON.stringify(name)) }
  })
  const totalWeight = sum(Object.values(targets))
  return { source: `InferenceModel ${modelName}`, modelName, pool, priority: 0, targets: list, totalWeight, stickyBy }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
