import { buckets } from './buckets.ts'
import { type Family, histogramFamily } from './family.ts'
import { histogramSet } from './histogram.ts'
import { plainFamily, ValueCounter } from './value-counter.ts'

/** What is observed of every exchange, whatever its model. */
export const exchangeHistograms = histogramSet({
  /** From the headers to the decision. */
  decisionSeconds: buckets.phaseSeconds,
  /** Of that, until the body had shown what the decision needs. */
  bodySeconds: buckets.phaseSeconds,
  /** Of that, in the queue; of requests that had to wait. */
  queueSeconds: buckets.phaseSeconds,
  /** From the decision to the response headers. */
  firstByteSeconds: buckets.phaseSeconds,
  /** To the first token, or to the end of an answer that comes as a whole. */
  ttftSeconds: buckets.fineTtftSeconds,
  heldBytes: buckets.requestBytes,
})

const phases = [
  ['decision', exchangeHistograms.decisionSeconds],
  ['body', exchangeHistograms.bodySeconds],
  ['queue', exchangeHistograms.queueSeconds],
  ['first_byte', exchangeHistograms.firstByteSeconds],
] as const

/** Index: the hundreds of a status. */
const statusClasses = ['', '1xx', '2xx', '3xx', '4xx', '5xx'] as const

/** What is counted of all exchanges, and what a body router counts. */
export class ExchangeCounts {
  readonly results = new ValueCounter('result')
  readonly cells = new Float64Array(exchangeHistograms.size)
  earlyDecisions = 0
  responseBytes = 0
  /** Responses by the class of their status; index 0 is none that HTTP has. */
  readonly statuses = new Float64Array(statusClasses.length)
  outputTokens = 0
  modelsNamed = 0
  modelsMissing = 0
  modelsEmpty = 0

  /** @param status NaN when it was not sent */
  answered(status: number): void {
    const hundreds = Math.floor(status / 100)
    this.statuses[hundreds >= 1 && hundreds <= 5 ? hundreds : 0] += 1
  }

  families(): Family[] {
    const { cells, statuses } = this
    return [
      this.results.family(
        'signalbox_requests_total',
        'Requests decided: routed to an endpoint, named (a model but no pool of ours), passed, or refused with a code.',
      ),
      {
        name: 'signalbox_phase_duration_seconds',
        help: 'Seconds from the headers to the decision, of that for the body and in the queue; then to the first byte.',
        type: 'histogram',
        labelNames: ['phase'],
        *pieces() {
          for (const [phase, histogram] of phases) yield* phaseFamily(phase, histogram, cells).pieces()
        },
      },
      histogramFamily(
        {
          name: 'signalbox_request_held_bytes',
          help: 'Bytes of the body that had to wait for the decision.',
          labelNames: [],
        },
        exchangeHistograms.heldBytes,
        () => [['', cells]],
      ),
      plainFamily(
        'counter',
        'signalbox_early_decisions_total',
        'Requests that were decided before the end of their body.',
        () => this.earlyDecisions,
      ),
      histogramFamily(
        {
          name: 'signalbox_ttft_seconds',
          help: 'Seconds from the request to the first token, of all models; of an answer that comes as a whole, to its end.',
          labelNames: [],
        },
        exchangeHistograms.ttftSeconds,
        () => [['', cells]],
      ),
      plainFamily(
        'counter',
        'signalbox_output_tokens_total',
        'Generated tokens, as the model servers count them.',
        () => this.outputTokens,
      ),
      plainFamily('counter', 'signalbox_response_bytes_total', 'Bytes of response bodies.', () => this.responseBytes),
      {
        name: 'signalbox_upstream_responses_total',
        help: 'Responses of model servers by the class of their status.',
        type: 'counter',
        labelNames: ['class'],
        *pieces() {
          for (let i = 1; i < statuses.length; i += 1) {
            if (statuses[i] > 0)
              yield `signalbox_upstream_responses_total{class="${statusClasses[i]}"} ${statuses[i]}\n`
          }
        },
      },
    ]
  }

  /** llm-d's name for the time to the decision. */
  llmdFamilies(): Family[] {
    const head = {
      name: 'llm_d_epp_request_processing_duration_seconds',
      help: 'Seconds from the headers to the decision.',
      labelNames: [],
    }
    return [histogramFamily(head, exchangeHistograms.decisionSeconds, () => [['', this.cells]])]
  }

  /** The metrics of the reference's body-based router. */
  bodyRouterFamilies(): Family[] {
    const field = (name: string, help: string, read: () => number): Family => ({
      name,
      help,
      type: 'counter',
      labelNames: ['field'],
      *pieces() {
        if (read() > 0) yield `${name}{field="model"} ${read()}\n`
      },
    })
    return [
      plainFamily('counter', 'bbr_success_total', 'Requests whose model was told in a header.', () => this.modelsNamed),
      field('bbr_body_field_not_found_total', 'Bodies without the field.', () => this.modelsMissing),
      field('bbr_body_field_empty_total', 'Bodies in which the field is empty.', () => this.modelsEmpty),
    ]
  }
}

const phaseFamily = (phase: string, histogram: (typeof phases)[number][1], cells: Float64Array): Family =>
  histogramFamily({ name: 'signalbox_phase_duration_seconds', help: '', labelNames: [] }, histogram, () => [
    [`phase="${phase}"`, cells],
  ])
