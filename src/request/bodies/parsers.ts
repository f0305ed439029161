import type { ParserType } from '../../scheduling/configuration-parsers.ts'
import { BodyScanner } from '../scan.ts'
import type { BodyReader } from './body-reader.ts'
import { EngineGrpcReader } from './engine-grpc.ts'
import { isDecodable } from './inflate.ts'
import { MultipartReader } from './multipart.ts'

/** The parsers that are configured, at least one; undefined without a configuration: {@link defaultParsers}. */
export type ParserSet = readonly ParserType[] | undefined

const defaultParsers: readonly ParserType[] = ['openai-parser', 'anthropic-parser', 'vllmhttp-parser']

/** What a body is read as. `raw` is not read; the unsupported ones cannot be, where they should. */
export type BodyFormat = 'json' | 'multipart' | 'engine-grpc' | 'raw' | 'unsupported-encoding' | 'unsupported-method'

export type BodyPlan = {
  readonly format: BodyFormat
  /** The path is one that models are asked by: a body that is not of its format is refused. */
  readonly isInference: boolean
  /** There, a body without a model is refused too. */
  readonly needsModel: boolean
}

const json: BodyPlan = { format: 'json', isInference: true, needsModel: true }
const jsonModelIfGiven: BodyPlan = { format: 'json', isInference: true, needsModel: false }
const form: BodyPlan = { format: 'multipart', isInference: true, needsModel: true }
const formModelIfGiven: BodyPlan = { format: 'multipart', isInference: true, needsModel: false }
const engine: BodyPlan = { format: 'engine-grpc', isInference: true, needsModel: false }
/** On paths of no parser a model counts when it is there, and nothing is refused. */
const lenientJson: BodyPlan = { format: 'json', isInference: false, needsModel: false }
const raw: BodyPlan = { format: 'raw', isInference: false, needsModel: false }
const unsupportedEncoding: BodyPlan = { format: 'unsupported-encoding', isInference: true, needsModel: true }
const unsupportedMethod: BodyPlan = { format: 'unsupported-method', isInference: true, needsModel: false }

type PathRule = {
  /** How the path ends, without the slash before it. */
  readonly suffix: string
  readonly parser: ParserType
  readonly plan: BodyPlan
}

const rule = (parser: ParserType, suffix: string, plan: BodyPlan): PathRule => ({ suffix, parser, plan })

/** Where one suffix ends in another, the longer one comes first. */
const rules: readonly PathRule[] = [
  rule('openai-parser', 'chat/completions', json),
  rule('openai-parser', 'completions', json),
  rule('openai-parser', 'chat/completions/render', json),
  rule('openai-parser', 'completions/render', json),
  rule('openai-parser', 'responses', json),
  rule('openai-parser', 'conversations', json),
  rule('openai-parser', 'embeddings', json),
  // The OpenAI API has a default for the model of images.
  rule('openai-parser', 'images/generations', jsonModelIfGiven),
  rule('openai-parser', 'images/edits', formModelIfGiven),
  rule('openai-parser', 'images/variations', formModelIfGiven),
  rule('openai-parser', 'audio/transcriptions', form),
  rule('openai-parser', 'audio/translations', form),
  rule('anthropic-parser', 'messages', json),
  rule('anthropic-parser', 'messages/count_tokens', json),
  rule('vllmhttp-parser', 'inference/v1/generate', jsonModelIfGiven),
  rule('sglanghttp-parser', 'generate', jsonModelIfGiven),
  rule('vllmgrpc-parser', 'vllm.grpc.engine.VllmEngine/Generate', engine),
  rule('vllmgrpc-parser', 'vllm.grpc.engine.VllmEngine/Embed', engine),
  // OpenAI's JSON inside of a protobuf message, which no model is read of.
  rule('vertexai-parser', 'PredictionService/ChatCompletions', raw),
  rule('vertexai-parser', 'PredictionService/StreamRawPredict', raw),
  rule('vertexai-parser', 'PredictionService/RawPredict', raw),
]

const lastSegment = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** By the last segment, which tells most rules apart. */
const rulesByLastSegment = Map.groupBy(rules, ({ suffix }) => lastSegment(suffix))

function ruleOf(parsers: readonly ParserType[], path: string): PathRule | undefined {
  const candidates = rulesByLastSegment.get(lastSegment(path))
  if (candidates === undefined) return undefined
  for (const candidate of candidates) {
    if (parsers.includes(candidate.parser) && endsInSegments(path, candidate)) return candidate
  }
  return undefined
}

function endsInSegments(path: string, { suffix, parser }: PathRule): boolean {
  // SGLang's own API has no prefix; other paths end in the same word.
  if (parser === 'sglanghttp-parser') return path === `/${suffix}`
  if (!path.endsWith(suffix)) return false
  const before = path[path.length - suffix.length - 1]
  // Before the name of a gRPC service stands its package.
  return before === '/' || (before === '.' && parser === 'vertexai-parser')
}

/** What the headers say that the choice of a reader depends on. */
export type BodyHeaders = {
  /** Without its query; undefined when it was not sent: then the request counts as one for completions. */
  readonly path: string | undefined
  readonly contentType: string | undefined
  /** Content-Encoding in lower case; undefined for identity. */
  readonly encoding: string | undefined
}

/** How a body is to be read. A body in an encoding that {@link isDecodable} is decoded first. */
export function readerFor(parsers: ParserSet, { path, contentType, encoding }: BodyHeaders): BodyPlan {
  const plan = planOf(parsers ?? defaultParsers, path ?? '/chat/completions', contentType)
  // Nothing is refused for its encoding where nothing has to be read.
  if (encoding === undefined || plan.format === 'unsupported-method') return plan
  if (!plan.isInference) return raw
  return isDecodable(encoding) ? plan : unsupportedEncoding
}

function planOf(parsers: readonly ParserType[], path: string, contentType: string | undefined): BodyPlan {
  const found = ruleOf(parsers, path)
  // What JSON is expected of is taken for JSON whatever its type claims: curl -d claims a form.
  if (found !== undefined) return jsonInsteadOfForm(found.plan, contentType)
  if (parsers.includes('passthrough-parser')) return raw
  if (parsers.every((parser) => parser === 'vllmgrpc-parser')) return unsupportedMethod
  return contentType === undefined || isJson(contentType) ? lenientJson : raw
}

/** Model servers take JSON too where OpenAI has forms. */
function jsonInsteadOfForm(plan: BodyPlan, contentType: string | undefined): BodyPlan {
  if (plan.format !== 'multipart' || contentType === undefined || !isJson(contentType)) return plan
  return plan.needsModel ? json : jsonModelIfGiven
}

/** Of the type alone: a boundary may have any letters. */
const isJson = (contentType: string): boolean => contentType.split(';', 1)[0].toLowerCase().includes('json')

/** A new reader for one body; undefined for one that is not read. */
export function createReader(format: BodyFormat, contentType: string | undefined): BodyReader | undefined {
  switch (format) {
    case 'json':
      return new BodyScanner()
    case 'multipart':
      return new MultipartReader(contentType)
    case 'engine-grpc':
      return new EngineGrpcReader()
    case 'raw':
    case 'unsupported-encoding':
    case 'unsupported-method':
      return undefined
  }
}
