import { z } from 'zod'
import { producerKind } from '../plugin-kind.ts'
import { headerName } from './header-name.ts'

const parameters = z
  .strictObject({
    headerName: headerName.optional(),
    cookieName: z.string().min(1).optional(),
  })
  .refine(({ headerName, cookieName }) => headerName === undefined || cookieName === undefined, {
    error: 'either headerName or cookieName, not both',
  })

/** The session of a request, by a header (x-session-id if not told otherwise) or a cookie. */
export const sessionIdProducer = producerKind('session-id-producer', parameters, ({ headerName, cookieName }) => {
  if (cookieName !== undefined) {
    return { headerNames: ['cookie'], requestText: (request) => cookieIn(request.header('cookie'), cookieName) }
  }
  const name = headerName ?? 'x-session-id'
  return { headerNames: [name], requestText: (request) => request.header(name) || undefined }
})

/** The value of the cookie in a Cookie header (RFC 6265, section 4.2.1), without the quotes that may be around it. */
function cookieIn(cookies: string | undefined, name: string): string | undefined {
  if (cookies === undefined) return undefined
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    const value = pair.slice(equals + 1).trim()
    const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"')
    return (isQuoted ? value.slice(1, -1) : value) || undefined
  }
  return undefined
}
