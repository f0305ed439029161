import type { KubeObject } from '../../kubernetes/object.ts'
import { isDnsName, isIpAddress } from './dns.ts'
import { Failure, shorten, showFound } from './failure.ts'
import type { Effective } from './settings.ts'
import { render } from './template.ts'
import { annotationsOf, labelsOf, textOf } from './text-map.ts'

/** What `.Name`, `.Namespace` and `.IngressDomain` stand for. */
export type DomainValues = {
  readonly Name: string
  readonly Namespace: string
  readonly IngressDomain: string
}

const value = /^[ \t\r\n]*\.(Name|Namespace|IngressDomain)[ \t\r\n]*$/
const entry = /^[ \t\r\n]*\.(Labels|Annotations)\.([A-Za-z_][A-Za-z0-9_]*)[ \t\r\n]*$/
const indexedEntry = /^[ \t\r\n]*index[ \t\r\n]+\.(Labels|Annotations)[ \t\r\n]*"([^"\\]*)"[ \t\r\n]*$/

/**
 * A host name that can be looked up.
 * @param service whose labels and annotations the template may speak of
 * @throws Failure
 */
export function renderHost(template: Effective<string>, service: KubeObject, values: DomainValues): string {
  const { field, at } = template
  const rendering = render(template.value, (expression) => resolve(expression, service, values))
  if ('refused' in rendering) {
    const message = `${field}: found ${showFound(template.value)}, and ${showFound(rendering.refused)} has no value here`
    throw new Failure('DomainTemplateInvalid', message, at)
  }
  const host = rendering.text
  if (!isDnsName(host) || !host.includes('.')) {
    const allowed = 'a lower-case DNS name of at least two labels, each at most 63 characters, 253 in all'
    const message = `${field}: found ${showFound(template.value)}, which gives ${showFound(host)}, allowed: ${allowed}`
    throw new Failure('DomainTemplateInvalid', message, at)
  }
  if (isIpAddress(host)) {
    const allowed = 'a template that gives a DNS name, not an IP address'
    const message = `${field}: found ${showFound(template.value)}, which gives ${showFound(host)}, allowed: ${allowed}`
    throw new Failure('ConfigInvalid', message, at)
  }
  return host
}

function resolve(expression: string, service: KubeObject, values: DomainValues): string | undefined {
  const text = lookUp(expression, service, values)
  // What is cut off is far beyond the end of a host name; an annotation repeated in full could outgrow any string.
  return text === undefined ? undefined : shorten(text)
}

function lookUp(expression: string, service: KubeObject, values: DomainValues): string | undefined {
  const named = value.exec(expression)
  if (named !== null) return values[named[1] as keyof DomainValues]
  const [, map, key] = entry.exec(expression) ?? indexedEntry.exec(expression) ?? []
  if (map === undefined) return undefined
  return textOf(map === 'Labels' ? labelsOf(service) : annotationsOf(service), key)
}
