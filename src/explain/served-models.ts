import type { Explanation } from './explanation.ts'

/** Endpoints that are asked: those that were picked, and the next best. */
const maxAsked = 8
const timeoutMs = 1_000
const maxListBytes = 1024 * 1024

/** Asks the first endpoints of an explanation for the models that they serve. Those that do not say stay as they are. */
export async function withServedModels(explanation: Explanation): Promise<Explanation> {
  const { endpoints, model, profiles } = explanation
  if (model === undefined || profiles.length === 0) return explanation
  const asked = await Promise.all(
    endpoints.slice(0, maxAsked).map(async (endpoint) => {
      const models = endpoint.isReachable ? await modelsAt(endpoint.address) : undefined
      return models === undefined ? endpoint : { ...endpoint, models }
    }),
  )
  return { ...explanation, endpoints: [...asked, ...endpoints.slice(maxAsked)] }
}

/** The names in the answer to GET /v1/models; undefined where there is none that can be read. */
async function modelsAt(address: string): Promise<readonly string[] | undefined> {
  try {
    const signal = AbortSignal.timeout(timeoutMs)
    const response = await fetch(`http://${address}/v1/models`, { signal, redirect: 'error' })
    if (!response.ok || response.body === null) return undefined
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of response.body) {
      size += piece.length
      if (size > maxListBytes) return undefined
      pieces.push(piece)
    }
    const { data } = JSON.parse(Buffer.concat(pieces).toString()) as { data?: readonly { id?: unknown }[] }
    const names = data?.map(({ id }) => id)
    return names?.every((name) => typeof name === 'string') ? names : undefined
  } catch {
    return undefined
  }
}
