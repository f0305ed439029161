import { outputHeaders } from '../../request/control-headers.ts'
import { defaultLimits } from '../../request/limits.ts'
import { quantity } from '../../scheduling/configuration-quantity.ts'
import { policyOfListener, type ServedListener } from '../attachment.ts'
import type { PolicyEntry } from '../inventory.ts'
import { pickerOf, type Survey } from '../picker.ts'
import type { Rule } from '../rule.ts'
import { clientTrafficPolicy } from '../schema.ts'

const kind = 'ClientTrafficPolicy'

const spoofableHeaders: Rule = {
  id: 'spoofable-headers',
  severity: 'warning',
  *find(survey) {
    for (const { listener, policy } of clientPolicies(survey)) {
      if (policy === undefined) {
        yield {
          entry: listener.gateway,
          path: [],
          message: `has no ${kind}: a client that sends a header such as ${outputHeaders[0]} has chosen wherever Signalbox is not asked`,
          remedy: `remove ${outputHeaders.join(', ')} in headers.earlyRequestHeaders of one`,
        }
        continue
      }
      const { data } = clientTrafficPolicy.safeParse(policy.value.spec)
      const open = outputHeaders.filter((header) => data && !isRemoved(header, data.headers.earlyRequestHeaders))
      if (open.length === 0) continue
      yield {
        entry: policy,
        path: ['spec', 'headers', 'earlyRequestHeaders', 'remove'],
        message: `lacks ${open.join(', ')}: a client that sends it has chosen route or server wherever Signalbox is not asked`,
        remedy: 'add them',
      }
    }
  },
}

type EarlyHeaders = {
  readonly remove: readonly string[]
  readonly removeOnMatch: readonly { readonly type: string; readonly value: string }[]
}

function isRemoved(header: string, { remove, removeOnMatch }: EarlyHeaders): boolean {
  return (
    remove.some((name) => name.toLowerCase() === header) ||
    removeOnMatch.some(({ type, value }) => {
      switch (type) {
        case 'Prefix':
          return header.startsWith(value.toLowerCase())
        case 'Suffix':
          return header.endsWith(value.toLowerCase())
        case 'RegularExpression':
          // Whoever writes one has thought of what it is for.
          return true
        default:
          return header === value.toLowerCase()
      }
    })
  )
}

/** Envoy Gateway's default, bytes. */
const defaultBufferLimit = 32_768

/** In full duplex Envoy holds no body, and its buffer limit is none on bodies. */
const bufferLimit: Rule = {
  id: 'buffer-limit',
  severity: 'warning',
  *find(survey) {
    for (const { listener, policy } of clientPolicies(survey)) {
      const mode = bufferedModeOf(survey, listener)
      if (mode === undefined) continue
      const given = policy && clientTrafficPolicy.safeParse(policy.value.spec).data?.connection.bufferLimit
      const bytes = quantity.safeParse(given ?? defaultBufferLimit).data
      if (bytes === undefined || bytes >= defaultLimits.maxBodyBytes) continue
      const what = mode === 'Buffered' ? 'is 413' : 'keeps the route of a request without a model'
      yield {
        entry: policy ?? listener.gateway,
        path: policy === undefined ? [] : ['spec', 'connection', 'bufferLimit'],
        message: `${policy === undefined ? `has no ${kind}, so its buffer limit is` : 'is'} ${given ?? '32Ki'}: with request bodies ${mode}, one that is larger ${what}`,
        remedy:
          'set connection.bufferLimit to 20Mi, as much as --max-body-bytes, or the body mode to FullDuplexStreamed',
      }
    }
  },
}

function bufferedModeOf(survey: Survey, listener: ServedListener): string | undefined {
  const pickers = listener.routes.flatMap((route) =>
    route.value.spec.rules.flatMap((rule) => pickerOf(survey, route, rule, listener) ?? []),
  )
  const modes = pickers.map(({ extProc }) => extProc.processingMode.request?.body)
  return modes.find((mode) => mode === 'Buffered' || mode === 'BufferedPartial')
}

/** The listeners whose requests go by a picker, with the policy that holds for their clients. */
function* clientPolicies(survey: Survey): Generator<{ listener: ServedListener; policy: PolicyEntry | undefined }> {
  for (const listener of survey.pickedListeners) {
    if (survey.isUnread(kind, listener.gateway.namespace)) continue
    yield { listener, policy: policyOfListener(survey, kind, listener) }
  }
}

export const clientTrafficRules = [spoofableHeaders, bufferLimit]
