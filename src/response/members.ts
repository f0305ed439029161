import { decodeString } from '../request/json.ts'
import { type UsageField, usageIndex } from './usage.ts'

/** The objects and arrays of responses whose members are of interest; `other` are all the rest. At most 16. */
export const Place = {
  other: 0,
  /** The document itself. */
  top: 1,
  /** `response` in events of OpenAI's Responses API. */
  response: 2,
  /** `message` in Anthropic's message_start. */
  message: 3,
  usage: 4,
  promptTokensDetails: 5,
  promptTokenDetails: 6,
  inputTokensDetails: 7,
  completionTokensDetails: 8,
  outputTokensDetails: 9,
  /** `meta_info` of sglang. */
  meta: 10,
  /** The array, and each object in it. */
  choices: 11,
  choice: 12,
  /** What is generated: `delta` and `message` of a choice, `delta` of Anthropic's events. */
  delta: 13,
} as const
export type Place = (typeof Place)[keyof typeof Place]

/** What a member's value is. From `place` on it opens that place, from `number` on it is that usage number. */
export const Member = {
  other: 0,
  model: 1,
  /** Generated when it is a string, an array or an object that is not empty. */
  content: 2,
  /** The same where the document has no `type`: the Responses API's "done" events repeat the text as `text`. */
  untypedContent: 3,
  /** The response is finished when this is a string that is not empty, or an object. */
  finish: 4,
  /** The state of a whole Response. */
  status: 5,
  type: 6,
  place: 16,
  number: 32,
} as const

const opens = (place: Place): number => Member.place + place
const number = (field: UsageField): number => Member.number + usageIndex[field]

/** A prompt's or completion's details, which have one number of interest each. */
export const detailsNumber: ReadonlyMap<Place, number> = new Map([
  [Place.promptTokensDetails, usageIndex['prompt_tokens_details.cached_tokens']],
  [Place.promptTokenDetails, usageIndex['prompt_token_details.cached_tokens']],
  [Place.inputTokensDetails, usageIndex['input_tokens_details.cached_tokens']],
  [Place.completionTokensDetails, usageIndex['completion_tokens_details.reasoning_tokens']],
  [Place.outputTokensDetails, usageIndex['output_tokens_details.reasoning_tokens']],
])

const members: readonly [place: Place, members: Readonly<Record<string, number>>][] = [
  [
    Place.top,
    {
      model: Member.model,
      type: Member.type,
      usage: opens(Place.usage),
      choices: opens(Place.choices),
      response: opens(Place.response),
      message: opens(Place.message),
      meta_info: opens(Place.meta),
      // A string in events of the Responses API, an object in those of Anthropic's.
      delta: opens(Place.delta),
      text: Member.untypedContent,
      output_ids: Member.content,
      content: Member.content,
      output: Member.content,
      data: Member.content,
      status: Member.status,
      stop_reason: Member.finish,
    },
  ],
  [Place.response, { model: Member.model, usage: opens(Place.usage), status: Member.status }],
  [Place.message, { model: Member.model, usage: opens(Place.usage), stop_reason: Member.finish }],
  [
    Place.choice,
    {
      delta: opens(Place.delta),
      message: opens(Place.delta),
      text: Member.content,
      finish_reason: Member.finish,
    },
  ],
  [
    Place.delta,
    {
      content: Member.content,
      reasoning_content: Member.content,
      reasoning: Member.content,
      refusal: Member.content,
      tool_calls: Member.content,
      function_call: Member.content,
      audio: Member.content,
      text: Member.content,
      thinking: Member.content,
      partial_json: Member.content,
      stop_reason: Member.finish,
    },
  ],
  [
    Place.usage,
    {
      prompt_tokens: number('prompt_tokens'),
      completion_tokens: number('completion_tokens'),
      total_tokens: number('total_tokens'),
      input_tokens: number('input_tokens'),
      output_tokens: number('output_tokens'),
      cached_tokens: number('cached_tokens'),
      cache_read_input_tokens: number('cache_read_input_tokens'),
      cache_creation_input_tokens: number('cache_creation_input_tokens'),
      prompt_tokens_details: opens(Place.promptTokensDetails),
      prompt_token_details: opens(Place.promptTokenDetails),
      input_tokens_details: opens(Place.inputTokensDetails),
      completion_tokens_details: opens(Place.completionTokensDetails),
      output_tokens_details: opens(Place.outputTokensDetails),
    },
  ],
  [Place.promptTokensDetails, { cached_tokens: number('prompt_tokens_details.cached_tokens') }],
  [Place.promptTokenDetails, { cached_tokens: number('prompt_token_details.cached_tokens') }],
  [Place.inputTokensDetails, { cached_tokens: number('input_tokens_details.cached_tokens') }],
  [Place.completionTokensDetails, { reasoning_tokens: number('completion_tokens_details.reasoning_tokens') }],
  [Place.outputTokensDetails, { reasoning_tokens: number('output_tokens_details.reasoning_tokens') }],
  [
    Place.meta,
    {
      prompt_tokens: number('prompt_tokens'),
      completion_tokens: number('completion_tokens'),
      cached_tokens: number('cached_tokens'),
      finish_reason: Member.finish,
    },
  ],
]

/** Keys as they are mostly written, without escapes, by place and length. */
type Candidate = { readonly key: Buffer; readonly member: number }
const lengths = 32
const byLength: Candidate[][] = Array.from({ length: 16 * lengths }, () => [])
const byKey: Map<string, number>[] = Array.from({ length: 16 }, () => new Map())
for (const [place, table] of members) {
  for (const [key, member] of Object.entries(table)) {
    byLength[place * lengths + key.length].push({ key: Buffer.from(key), member })
    byKey[place].set(key, member)
  }
}

/** The member of `place` whose key has these bytes, none of them escaped. */
export function memberAt(place: number, bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length >= lengths) return Member.other
  const candidates = byLength[place * lengths + length]
  for (let index = 0; index < candidates.length; index++) {
    const { key, member } = candidates[index]
    let at = 0
    while (at < length && key[at] === bytes[start + at]) at++
    if (at === length) return member
  }
  return Member.other
}

/** The same for a key that is written with escapes (`"us\\u0061ge"`). */
export function memberOfEscaped(place: number, raw: Buffer): number {
  return byKey[place].get(decodeString(raw) ?? '') ?? Member.other
}
