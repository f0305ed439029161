/** The model that the events name. */
export const servedModel = 'meta-llama/Llama-3.1-8B-Instruct'
export const promptTokens = 12

/**
 * A streamed chat completion of `count` events as vLLM sends it, with the line ends of each. The usage is in the last one,
 * which has no content; with `continuousUsage` (stream_options.continuous_usage_stats) in each.
 */
export function chatEvents(count: number, continuousUsage: boolean): Buffer[] {
  return Array.from({ length: count }, (_, tokens) => {
    const isLast = tokens === count - 1
    const hasUsage = isLast || continuousUsage
    const document = {
      id: 'chatcmpl-7c3e9a1b5d2f4e68a0b1c2d3e4f50617',
      object: 'chat.completion.chunk',
      created: 1_764_000_000,
      model: servedModel,
      choices: isLast ? [] : [{ index: 0, delta: { content: ' token' }, logprobs: null, finish_reason: null }],
      ...(hasUsage && {
        usage: { prompt_tokens: promptTokens, total_tokens: promptTokens + tokens, completion_tokens: tokens },
      }),
    }
    return Buffer.from(`data: ${JSON.stringify(document)}\n\n`)
  })
}

/**
 * The same bytes in as many pieces, each ending some bytes before its event does: the next one a byte earlier, so that over
 * a few hundred events every place in them is cut.
 */
export function cutEverywhere(events: readonly Buffer[]): Buffer[] {
  const whole = Buffer.concat(events)
  const pieces: Buffer[] = []
  let at = 0
  let end = 0
  for (const [index, event] of events.entries()) {
    end += event.length
    const isLast = index === events.length - 1
    // Less than the shortest event, so that no piece is empty.
    const border = isLast ? end : end - (index % 200)
    pieces.push(whole.subarray(at, border))
    at = border
  }
  return pieces
}
