import type {
  Catalog,
  ModelRule,
  Pool,
  RewriteRule,
  StickyKey,
  TargetRollout,
  TargetSplit,
} from '../catalog/catalog.ts'
import type { ModelRate } from './sampler.ts'
import type { ModelFeed, RolloutFeed } from './wire.ts'

/** A model name in one pool, and the rule that divides its requests. */
type Entry = {
  readonly name: string
  readonly pool: string
  readonly split: (ModelRule | RewriteRule) | undefined
}

/** What a generic rule of an InferenceModelRewrite is listed as. */
const anyOther = '(any other)'

const entriesByCatalog = new WeakMap<Catalog, readonly Entry[]>()

/** Every model name that resources give, in each of its pools. Made once for a catalog. */
function entriesOf(catalog: Catalog): readonly Entry[] {
  let entries = entriesByCatalog.get(catalog)
  if (entries === undefined) {
    entries = [...modelEntries(catalog), ...routeEntries(catalog), ...rewriteEntries(catalog)]
    entriesByCatalog.set(catalog, entries)
  }
  return entries
}

function* modelEntries({ models }: Catalog): Generator<Entry> {
  for (const [name, { rules }] of models) for (const rule of rules) yield { name, pool: rule.pool.key, split: rule }
}

/** Names that only HTTPRoutes and rewrites know. */
function* routeEntries({ models, poolsByName, rewrites }: Catalog): Generator<Entry> {
  const isRewritten = (name: string, { key }: Pool) => rewrites.get(key)?.exact.has(name) === true
  for (const [name, { pools }] of poolsByName) {
    if (models.has(name)) continue
    for (const pool of pools) if (!isRewritten(name, pool)) yield { name, pool: pool.key, split: undefined }
  }
}

function* rewriteEntries({ rewrites }: Catalog): Generator<Entry> {
  for (const [pool, { exact, generic }] of rewrites) {
    for (const [name, rule] of exact) yield { name, pool, split: rule }
    if (generic !== undefined) yield { name: anyOther, pool, split: generic }
  }
}

/** Lists models: those that are rolled out first, then the busiest. */
export function listModels(
  catalog: Catalog,
  rates: ReadonlyMap<string, ModelRate>,
  most: number,
  search = '',
): { readonly total: number; readonly shown: readonly ModelFeed[] } {
  const wanted = search.toLowerCase()
  const all = entriesOf(catalog)
  const found = wanted === '' ? all : all.filter((entry) => isFound(entry, wanted))
  const ranked = found.map((entry) => ({ entry, rank: rankOf(entry, rates) }))
  ranked.sort((a, b) => b.rank - a.rank)
  return {
    total: found.length,
    shown: ranked.slice(0, most).map(({ entry }) => modelFeed(entry, rates.get(entry.name))),
  }
}

const isFound = ({ name, pool, split }: Entry, wanted: string): boolean =>
  name.toLowerCase().includes(wanted) ||
  pool.toLowerCase().includes(wanted) ||
  split?.targets.some((target) => target.name.toLowerCase().includes(wanted)) === true

const rankOf = ({ name, split }: Entry, rates: ReadonlyMap<string, ModelRate>): number =>
  (split?.rollout === undefined ? 0 : 1e9) + (rates.get(name)?.requests ?? 0)

function modelFeed({ name, pool, split }: Entry, rate: ModelRate | undefined): ModelFeed {
  return {
    name,
    pool,
    source: split?.source ?? 'HTTPRoute',
    priority: split !== undefined && 'priority' in split ? split.priority : null,
    stickyBy: split?.stickyBy === undefined ? null : stickyText(split.stickyBy),
    targets: split === undefined ? [] : targetsOf(split, rate),
    rollout: split?.rollout === undefined ? null : rolloutFeed(split.rollout),
    requests: rate?.requests ?? 0,
    errors: rate?.errors ?? 0,
  }
}

const targetsOf = ({ targets, totalWeight }: TargetSplit, rate: ModelRate | undefined): ModelFeed['targets'] =>
  targets.map(({ name, weight }) => ({
    name,
    share: totalWeight > 0 ? weight / totalWeight : 0,
    requests: rate?.targets.get(name) ?? 0,
  }))

function stickyText(key: StickyKey): string {
  return key.kind === 'header' ? `header ${key.name}` : key.kind
}

function rolloutFeed({ target, plan, weightPercent, phase, step, message }: TargetRollout): RolloutFeed {
  return {
    target,
    weightPercent,
    phase: phase ?? 'Waiting',
    message: message ?? '',
    steps: plan?.steps.map((each) => each.weightPercent) ?? [],
    step: step ?? null,
  }
}
