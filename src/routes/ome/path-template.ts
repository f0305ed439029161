import { isDnsName, isIpAddress } from './dns.ts'
import { configInvalid, Failure, showFound } from './failure.ts'
import type { InferenceService } from './inference-service.ts'
import type { Effective, Settings } from './settings.ts'
import { render } from './template.ts'

/** A prefix on a host that services share. */
export type SharedPath = {
  /** The ingress domain. */
  readonly host: string
  /** Begins with `/` and does not end with one. */
  readonly path: string
  readonly template: Effective<string>
}

const expression = /^[ \t\r\n]*\.(Name|Namespace)[ \t\r\n]*$/
const segment = /^[A-Za-z0-9._~!$&'()*+,;=:@-]+$/

/**
 * Undefined when the path template is off.
 * @throws Failure
 */
export function readSharedPath({ service, namespace }: InferenceService, settings: Settings): SharedPath | undefined {
  const template = settings.text('pathTemplate')
  if (template.value === '') return undefined
  const domain = settings.text('ingressDomain')
  if (template.layer === 'config' && domain.layer === 'default') {
    throw configInvalid(
      domain.field,
      undefined,
      `a domain, as ingress.pathTemplate is ${showFound(template.value)}`,
      domain.at,
    )
  }
  const path = renderPath(template, { Name: service.metadata.name, Namespace: namespace })
  if (!isDnsName(domain.value) || isIpAddress(domain.value)) {
    throw configInvalid(
      domain.field,
      domain.value,
      'a lower-case DNS name, as the path template is served there',
      domain.at,
    )
  }
  return { host: domain.value, path, template }
}

function renderPath({ value, field, at }: Effective<string>, values: Readonly<Record<string, string>>): string {
  const rendering = render(value, (text) => {
    const [, name] = expression.exec(text) ?? []
    return name === undefined ? undefined : values[name]
  })
  if ('refused' in rendering) {
    const message = `${field}: found ${showFound(value)}, and ${showFound(rendering.refused)} has no value here`
    throw new Failure('PathTemplateInvalid', message, at)
  }
  const path = rendering.text.replace(/\/$/, '')
  if (!isPath(path)) {
    const allowed = "a path of one or more segments of A-Z a-z 0-9 . _ ~ ! $ & ' ( ) * + , ; = : @ -, none . or .."
    const message = `${field}: found ${showFound(value)}, which gives ${showFound(rendering.text)}, allowed: ${allowed}`
    throw new Failure('PathTemplateInvalid', message, at)
  }
  return path
}

function isPath(path: string): boolean {
  const [beforeSlash, ...segments] = path.split('/')
  if (beforeSlash !== '' || segments.length === 0) return false
  return segments.every((text) => segment.test(text) && text !== '.' && text !== '..')
}
