import { BodyScanner } from '../scan.ts'
import type { BodyReader } from './body-reader.ts'
import { EngineGrpcReader } from './engine-grpc.ts'
import { isDecodable } from './inflate.ts'
import { MultipartReader } from './multipart.ts'

/** Plugin types of EndpointPickerConfig that say which bodies are read. */
export const parserTypes = [
  'openai-parser',
  'anthropic-parser',
  'vllmhttp-parser',
  'sglanghttp-parser',
  'vllmgrpc-parser',
  'vertexai-parser',
  'passthrough-parser',
] as const
export type ParserType = (typeof parserTypes)[number]

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

/** GenAI operation names, as OpenTelemetry's semantic conventions have them. */
export type Operation = 'chat' | 'text_completion' | 'embeddings' | 'generate_content'

type PathRule = {
  /** How the path ends, without the slash before it. */
  readonly suffix: string
  readonly parser: ParserType
  readonly plan: BodyPlan
  readonly operation: Operation | undefined
  /** The field that the prompt stands in, where the model server answers nothing without it. */
  readonly prompt: string | undefined
}

const rule = (
  parser: ParserType,
  suffix: string,
  plan: BodyPlan,
  operation?: Operation,
  prompt?: string,
): PathRule => ({ suffix, parser, plan, operation, prompt })

/** Where one suffix ends in another, the longer one comes first. */
const rules: readonly PathRule[] = [
  rule('openai-parser', 'chat/completions', json, 'chat', 'messages'),
  rule('openai-parser', 'completions', json, 'text_completion', 'prompt'),
  rule('openai-parser', 'chat/completions/render', json, undefined, 'messages'),
  rule('openai-parser', 'completions/render', json, undefined, 'prompt'),
  rule('openai-parser', 'responses', json, 'chat', 'input'),
  rule('openai-parser', 'conversations', json),
  rule('openai-parser', 'embeddings', json, 'embeddings', 'input'),
  // The OpenAI API has a default for the model of images.
  rule('openai-parser', 'images/generations', jsonModelIfGiven, 'generate_content'),
  rule('openai-parser', 'images/edits', formModelIfGiven, 'generate_content'),
  rule('openai-parser', 'images/variations', formModelIfGiven, 'generate_content'),
  rule('openai-parser', 'audio/transcriptions', form, 'generate_content'),
  rule('openai-parser', 'audio/translations', form, 'generate_content'),
  rule('anthropic-parser', 'messages', json, 'chat', 'messages'),
  rule('anthropic-parser', 'messages/count_tokens', json, undefined, 'messages'),
  rule('vllmhttp-parser', 'inference/v1/generate', jsonModelIfGiven, 'text_completion'),
  rule('sglanghttp-parser', 'generate', jsonModelIfGiven, 'text_completion'),
  rule('vllmgrpc-parser', 'vllm.grpc.engine.VllmEngine/Generate', engine, 'text_completion', 'text" or "tokenized'),
  rule('vllmgrpc-parser', 'vllm.grpc.engine.VllmEngine/Embed', engine, 'embeddings', 'tokenized'),
  // OpenAI's JSON inside of a protobuf message, which no model is read of.
  rule('vertexai-parser', 'PredictionService/ChatCompletions', raw, 'chat'),
  rule('vertexai-parser', 'PredictionService/StreamRawPredict', raw, 'generate_content'),
  rule('vertexai-parser', 'PredictionService/RawPredict', raw, 'generate_content'),
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

/** What a body that has been read to its end lacks, in words for its sender; undefined when it lacks nothing. */
export function shapeProblem(path: string, reader: BodyReader): string | undefined {
  if (reader.promptStart >= 0 || !reader.isComplete) return undefined
  const prompt = ruleOf(parserTypes, path)?.prompt
  return prompt && `the body has no "${prompt}"`
}

/** What a request asks a model to do, for metrics and traces; undefined when it is nothing of that kind. */
export const operationOf = (path: string): Operation | undefined => ruleOf(parserTypes, path)?.operation
