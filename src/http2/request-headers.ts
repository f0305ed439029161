/** Headers that belong to a connection of HTTP/1 (RFC 9113, section 8.2.2). */
const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** The pseudo-headers that a request has, each once at most, by a bit of what has been seen. */
const pseudoBit = (name: string): number => {
  switch (name) {
    case ':method':
      return 1
    case ':scheme':
      return 2
    case ':path':
      return 4
    case ':authority':
      return 8
    default:
      return 0
  }
}
const required = 1 | 2 | 4

const colon = 0x3a

/**
 * What is wrong with the headers of a request (RFC 9113, sections 8.2 and 8.3), undefined when nothing is.
 * @param headers name, value, name, value, …
 */
export function problemOfRequest(headers: readonly string[]): string | undefined {
  let seen = 0
  let isRegular = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]
    if (name.charCodeAt(0) === colon) {
      const bit = pseudoBit(name)
      if (bit === 0) return `there is no pseudo-header ${name}`
      if ((seen & bit) !== 0) return `two ${name}`
      if (isRegular) return `${name} after other headers`
      if (headers[i + 1] === '' && bit !== 8) return `an empty ${name}`
      seen |= bit
    } else {
      isRegular = true
      const problem = problemOfField(name, headers[i + 1])
      if (problem !== undefined) return problem
    }
  }
  return (seen & required) === required ? undefined : 'a request needs :method, :scheme and :path'
}

/** The same for the trailers of a request. */
export function problemOfTrailers(headers: readonly string[]): string | undefined {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]
    const problem = name.charCodeAt(0) === colon ? `${name} in trailers` : problemOfField(name, headers[i + 1])
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemOfField(name: string, value: string): string | undefined {
  if (!isLowerCaseToken(name)) return `${JSON.stringify(name)} is no name of a header`
  if (connectionHeaders.has(name)) return `${name} belongs to HTTP/1`
  if (name === 'te' && value !== 'trailers') return 'te says more than trailers'
  return undefined
}

/** Visible ASCII without capital letters; the rest of the grammar is left to those who read a name. */
function isLowerCaseToken(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f || code === colon || (code >= 0x41 && code <= 0x5a)) return false
  }
  return name.length > 0
}

/** The value of a header; the last one of several. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i] === name) return headers[i + 1]
  return undefined
}
