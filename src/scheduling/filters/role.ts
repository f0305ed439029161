import type { Endpoint } from '../../pool/endpoint.ts'
import { filterKind, noParameters } from '../plugin-kind.ts'
import { narrow } from './narrow.ts'

/** The label of a server that says which stages of a request it works for. */
export const roleLabel = 'llm-d.ai/role'

const encodeRoles: ReadonlySet<string | undefined> = new Set(['encode', 'encode-prefill', 'encode-prefill-decode'])
const prefillRoles: ReadonlySet<string | undefined> = new Set([
  'prefill',
  'encode-prefill',
  'prefill-decode',
  'both',
  'encode-prefill-decode',
])
/** A server without a role is a whole server, so it decodes. */
const decodeRoles: ReadonlySet<string | undefined> = new Set([
  'decode',
  'prefill-decode',
  'both',
  'encode-prefill-decode',
  undefined,
])

const hasRole = (endpoint: Endpoint, roles: ReadonlySet<string | undefined>): boolean =>
  roles.has(endpoint.labels[roleLabel])

/** The servers that compute prefills. */
export const prefillers = (servers: readonly Endpoint[]) => narrow(servers, hasRole, prefillRoles)
/** The servers that decode, those without a role included. */
export const decoders = (servers: readonly Endpoint[]) => narrow(servers, hasRole, decodeRoles)

/** Keeps the servers that encode images, audio and video. */
export const encodeFilter = filterKind('encode-filter', noParameters, () => ({
  filter: (_request, candidates) => narrow(candidates, hasRole, encodeRoles),
}))

export const prefillFilter = filterKind('prefill-filter', noParameters, () => ({
  filter: (_request, candidates) => prefillers(candidates),
}))

export const decodeFilter = filterKind('decode-filter', noParameters, () => ({
  filter: (_request, candidates) => decoders(candidates),
}))
