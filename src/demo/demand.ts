import type { Received } from './client.ts'

/** What a check asks of an answer: each function throws an Error whose message says what was found instead. */
export function demand(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Error(reason)
}

export function demandStatus({ status, body }: Received, expected: number): void {
  demand(status === expected, `status ${status}, not ${expected}: ${body.toString().slice(0, 200)}`)
}

/** An error as OpenAI clients read it. */
export function demandError(answer: Received, status: number): { message: string; code: string; param: string | null } {
  demandStatus(answer, status)
  const { error } = readJson(answer)
  const shaped =
    typeof error?.message === 'string' && typeof error.type === 'string' && 'code' in error && 'param' in error
  demand(shaped, `not shaped as an OpenAI error: ${answer.body}`)
  return error
}

// biome-ignore lint/suspicious/noExplicitAny: the answers of servers, looked at field by field
export function readJson({ headers, body }: Received): any {
  demand(
    /^application\/json\b/.test(headers['content-type'] ?? ''),
    `content type ${headers['content-type']}, not JSON`,
  )
  return JSON.parse(body.toString())
}

export function demandChatAnswer(answer: Received, model: string): void {
  demandStatus(answer, 200)
  const { object, model: answered, choices, usage } = readJson(answer)
  demand(object === 'chat.completion', `object ${object}, not chat.completion`)
  demand(answered === model, `answered by model ${answered}, not ${model}`)
  demand(choices?.[0]?.message?.content?.length > 0, 'no content in the first choice')
  for (const field of ['prompt_tokens', 'completion_tokens', 'total_tokens']) {
    demand(usage?.[field] > 0, `usage.${field} is ${usage?.[field]}`)
  }
}
