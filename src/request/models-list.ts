import type { Catalog } from '../catalog/catalog.ts'
import { isModelName, modelNames } from '../catalog/model-names.ts'
import { type ImmediateReply, refusalReply } from './errors.ts'
import { modelNotFound } from './resolve.ts'

/** Whose shapes an answer has: a client of the Anthropic API is known by its header anthropic-version. */
export type ApiFormat = 'openai' | 'anthropic'

/**
 * Answers requests for …/models and …/models/{id} from the catalog. Undefined when the path (with or without its query) is
 * neither, and when the catalog knows no name: then the model servers know better.
 */
export function answerModels(catalog: Catalog, path: string, format: ApiFormat): ImmediateReply | undefined {
  const asked = readPath(path)
  if (asked === undefined || modelNames(catalog).length === 0) return undefined
  if (asked === wholeList) return success(listOf(catalog, format))
  if (!isModelName(catalog, asked)) return notFound(catalog, asked, format)
  return success(Buffer.from(JSON.stringify(modelOf(catalog, asked, format))))
}

/** No model has an empty name. */
const wholeList = ''

/**
 * The id that the path asks for, which may have slashes, escaped or not; {@link wholeList}, or undefined for other paths. The
 * API may be served under a prefix; without its version a model is looked for at the root only, as others have models, too.
 */
function readPath(path: string): string | undefined {
  const query = path.indexOf('?')
  const bare = query < 0 ? path : path.slice(0, query)
  // An id may have "/models/" in it, or end in "/models", and so may the prefix.
  const version = bare.indexOf(versioned)
  if (version >= 0) return idOf(bare.slice(version + versioned.length))
  if (bare.endsWith('/models')) return wholeList
  return bare.startsWith(unversioned) ? idOf(bare.slice(unversioned.length)) : undefined
}

function idOf(escaped: string): string {
  try {
    return decodeURIComponent(escaped)
  } catch {
    return escaped
  }
}

const unversioned = '/models/'
const versioned = `/v1${unversioned}`

/** Lists are asked for often and are long, so each is rendered once for its catalog. */
const lists: Readonly<Record<ApiFormat, WeakMap<Catalog, Buffer>>> = { openai: new WeakMap(), anthropic: new WeakMap() }

function listOf(catalog: Catalog, format: ApiFormat): Buffer {
  let list = lists[format].get(catalog)
  if (list === undefined) {
    const names = modelNames(catalog)
    const data = names.map((name) => modelOf(catalog, name, format))
    // https://docs.anthropic.com/en/api/models-list: pages, of which this is the only one.
    const page = { data, has_more: false, first_id: names[0], last_id: names[names.length - 1] }
    list = Buffer.from(JSON.stringify(format === 'openai' ? { object: 'list', data } : page))
    lists[format].set(catalog, list)
  }
  return list
}

/** No resource says when a model was made. Both APIs take the epoch for that. */
const createdAtSeconds = 0
const createdAt = new Date(createdAtSeconds * 1000).toISOString().replace('.000', '')

function modelOf(catalog: Catalog, id: string, format: ApiFormat): object {
  if (format === 'anthropic') return { type: 'model', id, display_name: id, created_at: createdAt }
  const model = { id, object: 'model', created: createdAtSeconds, owned_by: 'signalbox' }
  const baseModel = catalog.baseModels.get(id)
  // As vLLM lists LoRA adapters.
  return baseModel === undefined || baseModel === id ? model : { ...model, root: baseModel, parent: baseModel }
}

const jsonHeaders = ['content-type', 'application/json'] as const

const success = (body: Buffer): ImmediateReply => ({
  status: 200,
  headers: jsonHeaders,
  body,
  details: 'signalbox_models',
})

function notFound(catalog: Catalog, id: string, format: ApiFormat): ImmediateReply {
  const refusal = modelNotFound(catalog, id)
  const reply = refusalReply(refusal)
  if (format === 'openai') return reply
  const error = { type: 'not_found_error', message: refusal.message }
  return { ...reply, body: Buffer.from(JSON.stringify({ type: 'error', error })) }
}
