import { isIPv4 } from 'node:net'

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const labelOfService = /^[a-z]([-a-z0-9]*[a-z0-9])?$/

/** Of a label, by RFC 1035. */
const maxLabelChars = 63
/** Of a whole name, without the dot at its end. */
const maxNameChars = 253

/** What a Service may be called (RFC 1035), but for the length. */
export const isServiceLabel = (text: string): boolean => labelOfService.test(text)

/** A lower-case DNS-1123 name that can be looked up: no label longer than 63 characters, no dot at the end. */
export function isDnsName(text: string): boolean {
  return isDnsSubdomain(text) && text.split('.').every((part) => part.length <= maxLabelChars)
}

/** What Kubernetes calls a DNS-1123 subdomain: its labels have no limit of their own. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= maxNameChars && text.split('.').every((part) => label.test(part))
}

/** IPv4 addresses look like DNS names, but neither an Ingress nor an HTTPRoute takes one as host. */
export const isIpAddress = (host: string): boolean => isIPv4(host)
