import type { FieldPath } from '../../catalog/problem.ts'
import { durationMs } from '../../scheduling/go-duration.ts'
import { findEntry } from '../entry.ts'
import type { ServiceEntry } from '../inventory.ts'
import type { Picker, Survey } from '../picker.ts'
import type { Found, Rule } from '../rule.ts'
import { servesTls, workloadsBehind } from '../workload.ts'

const fullDuplex = 'FullDuplexStreamed'

const requestMode = ({ extProc }: Picker) => extProc.processingMode.request?.body

/** A finding on an entry of `spec.extProc`. */
const on = ({ policy, index }: Picker, path: FieldPath, message: string, remedy: string): Found => ({
  entry: policy,
  path: ['spec', 'extProc', index, ...path],
  message,
  remedy,
})

const forEachPicker = (find: (picker: Picker) => Found | false): Rule['find'] =>
  function* ({ pickers }) {
    for (const picker of pickers) {
      const found = find(picker)
      if (found !== false) yield found
    }
  }

/** Every request under way is one stream, so Envoy's limit on parallel requests is one on all requests. */
const circuitBreaker: Rule = {
  id: 'ext-proc-circuit-breaker',
  severity: 'warning',
  find: forEachPicker((picker) => {
    const { circuitBreaker } = picker.extProc.backendSettings
    const low = (['maxParallelRequests', 'maxPendingRequests'] as const).find((field) => circuitBreaker[field] < 1025)
    return (
      low !== undefined &&
      on(
        picker,
        ['backendSettings', 'circuitBreaker', low],
        `is ${count(circuitBreaker[low])}: each request under way is a stream here, and what is over the limit gets 500`,
        'set maxParallelRequests and maxPendingRequests to 1000000',
      )
    )
  }),
}

const count = (number: number): string => number.toLocaleString('en')

const streamedBodyMode: Rule = {
  id: 'streamed-body-mode',
  severity: 'error',
  find: forEachPicker(
    (picker) =>
      requestMode(picker) === 'Streamed' &&
      on(
        picker,
        ['processingMode', 'request', 'body'],
        'is Streamed: Envoy takes no more headers once the body has begun, so the model in it comes too late for the route',
        `set it to ${fullDuplex}`,
      ),
  ),
}

const noRequestBody: Rule = {
  id: 'no-request-body',
  severity: 'error',
  find: forEachPicker(
    (picker) =>
      requestMode(picker) === undefined &&
      on(
        picker,
        ['processingMode', 'request', 'body'],
        'is not set: Envoy sends no bodies, so no request gets a model or a route of its own',
        `set processingMode.request.body to ${fullDuplex}`,
      ),
  ),
}

/** How long a request waits in a queue by default (`defaultRequestTTL`), milliseconds. */
const queueWaitMs = 60_000
/** A full-duplex request waits without a clock; the headers of its answer have one. A pause of a busy process is no failure. */
const shortestPauseMs = 1_000

const messageTimeout: Rule = {
  id: 'message-timeout',
  severity: 'warning',
  find: forEachPicker((picker) => {
    const { messageTimeout = '200ms' } = picker.extProc
    const timeoutMs = durationMs(messageTimeout)
    const isDuplex = requestMode(picker) === fullDuplex
    if (timeoutMs === undefined || timeoutMs >= (isDuplex ? shortestPauseMs : queueWaitMs)) return false
    const what = isDuplex ? 'a short pause of the processor' : 'a wait in a queue'
    return on(picker, ['messageTimeout'], `is ${messageTimeout}: ${what} is 504 to the client`, 'set it to 60s')
  }),
}

const failOpenFullDuplex: Rule = {
  id: 'fail-open-full-duplex',
  severity: 'error',
  find: forEachPicker((picker) => {
    const { failOpen, processingMode } = picker.extProc
    const modes = [processingMode.request?.body, processingMode.response?.body]
    return (
      failOpen &&
      modes.includes(fullDuplex) &&
      on(
        picker,
        ['failOpen'],
        `is true with ${fullDuplex}: the API server refuses it, and Envoy fails such requests all the same`,
        'remove it, and run two replicas',
      )
    )
  }),
}

/** The policy is then not accepted, and Envoy Gateway answers for it. */
const missingExtProc: Rule = {
  id: 'missing-ext-proc',
  severity: 'error',
  *find(survey) {
    if (!survey.isCluster) return
    for (const picker of survey.pickers) {
      for (const [at, { kind, namespace = picker.policy.namespace, name }] of picker.extProc.backendRefs.entries()) {
        if (kind !== 'Service' || survey.isUnread('Service', namespace)) continue
        if (findEntry(survey.services, namespace, name) !== undefined) continue
        const message = `there is no Service ${namespace}/${name}: Envoy has nobody to ask, and every request is 500`
        yield on(picker, ['backendRefs', at, 'name'], message, 'install Signalbox, or name its Service')
      }
    }
  },
}

/** `serve` has TLS by default, as other pickers have; Envoy Gateway has not. */
const extProcTls: Rule = {
  id: 'ext-proc-tls',
  severity: 'error',
  *find(survey) {
    for (const picker of survey.pickers) {
      const { namespace } = picker.policy
      for (const [at, reference] of picker.extProc.backendRefs.entries()) {
        if (reference.kind !== 'Service') continue
        const service = findEntry(survey.services, reference.namespace ?? namespace, reference.name)
        if (service === undefined || hasTlsPolicy(survey, service)) continue
        const workload = workloadsBehind(survey, service).find((each) => servesTls(each) === true)
        if (workload === undefined) continue
        const message = `leads to ${workload.resource.kind} ${workload.key}, which serves TLS, and Envoy speaks clear text: every request is 500`
        const remedy = 'serve with --secure-serving=false, or attach a BackendTLSPolicy to the Service'
        yield on(picker, ['backendRefs', at], message, remedy)
      }
    }
  },
}

function hasTlsPolicy(survey: Survey, { namespace, name }: ServiceEntry): boolean {
  return (
    survey.isUnread('BackendTLSPolicy', namespace) ||
    survey.backendTlsPolicies.some(
      ({ namespace: own, value }) =>
        own === namespace && value.spec.targetRefs.some((target) => target.kind === 'Service' && target.name === name),
    )
  )
}

export const extProcRules = [
  missingExtProc,
  extProcTls,
  circuitBreaker,
  streamedBodyMode,
  noRequestBody,
  messageTimeout,
  failOpenFullDuplex,
]
