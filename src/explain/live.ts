import type { Known } from '../preflight/inventory.ts'
import type { ClientRequest } from './client-request.ts'
import { readExplainRequest, UnreadableRequest } from './explain-request.ts'
import type { Explanation } from './explanation.ts'
import { NotServing } from './not-serving.ts'
import { withServedModels } from './served-models.ts'
import { complete } from './surroundings.ts'
import { explanationText } from './text.ts'

/** What explains requests by live state. */
export type LiveSources = {
  /** What the stages make of the request. */
  explain(client: ClientRequest): Promise<Explanation>
  readonly known: () => Known
}

/** The whole of an answer to `POST /explain`. */
export type ExplainAnswer = { readonly status: number; readonly contentType: string; readonly body: string }

/**
 * Answers `POST /explain`: the explanation of one request as JSON, or as text for who accepts that alone. One at a time: who comes
 * meanwhile is told so.
 */
export function createExplain({
  explain,
  known,
}: LiveSources): (body: Buffer, accept: string | undefined) => Promise<ExplainAnswer> {
  let isBusy = false

  async function answer(body: Buffer, accept: string | undefined): Promise<ExplainAnswer> {
    const client = readExplainRequest(body.toString())
    const resources = known()
    // The servers are asked after the decision, so that it is made of one moment.
    const decided = await withServedModels(await explain(client))
    const explanation = complete(decided, client, resources)
    if (prefersText(accept)) return text(200, explanationText(explanation))
    return { status: 200, contentType: 'application/json', body: JSON.stringify(explanation) }
  }

  return async (body, accept) => {
    if (isBusy) return text(503, 'another request is being explained; try again\n')
    isBusy = true
    try {
      return await answer(body, accept)
    } catch (error) {
      if (error instanceof UnreadableRequest) return text(400, `${error.message}\n`)
      if (error instanceof NotServing) return text(503, `${error.message}\n`)
      throw error
    } finally {
      isBusy = false
    }
  }
}

const text = (status: number, body: string): ExplainAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
})

const prefersText = (accept = ''): boolean => accept.includes('text/plain') && !accept.includes('application/json')
