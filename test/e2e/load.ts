import { Client } from '../../src/demo/client.ts'

export type LoadResult = {
  readonly requests: number
  /** What went wrong, in words, with how often. */
  readonly failures: ReadonlyMap<string, number>
  readonly seconds: number
}

/** What clients ask for, and the models that may answer. */
const asked = [
  { model: 'qwen', answers: /^qwen$/ },
  { model: 'deepseek-r1', answers: /^deepseek-r1$/ },
  { model: 'travel-helper', answers: /^travel-helper-v[12]$/ },
  { model: 'assistant', answers: /^(qwen|deepseek-r1)$/ },
]

/**
 * Sends small chat requests over some connections, each answer before the next request, until `requests` are sent or the
 * signal is aborted. An answer that is not a right one is a failure.
 */
export async function load(
  url: string,
  requests: number,
  connections: number,
  signal?: AbortSignal,
): Promise<LoadResult> {
  const client = new Client(url, connections)
  const failures = new Map<string, number>()
  let sent = 0
  const ask = async () => {
    while (sent < requests && !signal?.aborted) {
      const { model, answers } = asked[sent++ % asked.length]
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'who are you?' }] })
      const problem = await client.send({ path: '/v1/chat/completions', body }).then(
        (answer) =>
          answer.status !== 200
            ? `status ${answer.status} for ${model}: ${answer.body}`
            : answers.test(JSON.parse(answer.body.toString()).model)
              ? undefined
              : `${model} answered as ${answer.body}`,
        (error: Error) => error.message,
      )
      if (problem !== undefined) failures.set(problem, (failures.get(problem) ?? 0) + 1)
    }
  }
  const startMs = performance.now()
  await Promise.all(Array.from({ length: connections }, ask))
  client.close()
  return { requests: sent, failures, seconds: (performance.now() - startMs) / 1000 }
}
