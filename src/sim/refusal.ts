/** An error answer, in the shape of vLLM's (and OpenAI's) error object. */
export type Refusal = {
  readonly status: number
  readonly error: {
    readonly message: string
    readonly type: string
    /** The field of the body at fault. */
    readonly param: string | null
    readonly code: number | string
  }
}

/** Thrown by whatever finds that a request can't be answered; caught where the request began. */
export class RefusedError extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.error.message)
    this.name = 'RefusedError'
    this.refusal = refusal
  }
}

export function badRequest(message: string, param: string | null = null): RefusedError {
  return new RefusedError({ status: 400, error: { message, type: 'BadRequestError', param, code: 400 } })
}

/** vLLM's message and type, with OpenAI's code: clients test for either. */
export function modelNotFound(model: string): RefusedError {
  const message = `The model \`${model}\` does not exist.`
  const error = { message, type: 'NotFoundError', param: 'model', code: 'model_not_found' }
  return new RefusedError({ status: 404, error })
}

export function bodyTooLarge(maxBytes: number): RefusedError {
  const message = `The body is over ${maxBytes} bytes.`
  return new RefusedError({ status: 413, error: { message, type: 'BadRequestError', param: null, code: 413 } })
}

/** An error status that was asked for. */
export function injectedStatus(status: number): Refusal {
  const type = status === 429 ? 'RateLimitError' : status < 500 ? 'BadRequestError' : 'InternalServerError'
  const message = `Injected fault: status ${status}.`
  return { status, error: { message, type, param: null, code: status } }
}

/** What any error becomes: the refusal that it carries, else a 500 with its message. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedError) return error.refusal
  const message = error instanceof Error ? error.message : String(error)
  return { status: 500, error: { message, type: 'InternalServerError', param: null, code: 500 } }
}
