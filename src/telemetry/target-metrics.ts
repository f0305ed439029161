import type { TargetSplit } from '../catalog/catalog.ts'
import type { ResponsePhase } from '../extproc/response-phase.ts'
import { type RefusalCode, statusOf } from '../request/errors.ts'
import type { InferenceRequest } from '../request/inference-request.ts'
import { type Family, histogramFamily, labelsOf, type ScalarSample, scalarFamily } from './family.ts'
import type { Histogram } from './histogram.ts'
import { isWhole } from './outcome.ts'
import { entryOf } from './series-index.ts'
import {
  type TargetOutcome,
  TargetSeries,
  targetHistograms,
  targetLabelNames,
  targetOutcomes,
} from './target-series.ts'

/**
 * What requests for a resource with a rollout plan come to, by the target that they got: what the rollout is judged by. Of
 * requests for other resources it is not told. Series come from resources alone.
 */
export class TargetMetrics {
  readonly #byResource = new Map<string, Map<string, TargetSeries>>()

  /** The request goes to the target that was chosen. */
  decided(request: InferenceRequest, resource: string): void {
    request.targetSeries = this.#seriesOf(resource, request.targetModel)
  }

  /** What the client did wrong says nothing of the target. */
  refused(code: RefusalCode, request: InferenceRequest, resource: string): void {
    if (statusOf(code) >= 500) this.#seriesOf(resource, request.targetModel).ended('error')
    // What comes of the exchange now is not the target's.
    request.targetSeries = undefined
  }

  families(splits: () => Iterable<TargetSplit>): Family[] {
    const all = () => this.#all()
    const counter = (name: string, help: string, read: (series: TargetSeries) => number): Family =>
      scalarFamily('counter', { name, help, labelNames: targetLabelNames }, function* () {
        for (const series of all()) yield [series.labels, read(series)]
      })
    const requests = {
      name: 'signalbox_target_requests_total',
      help: 'Requests that a target got while one of its resource is rolled out, by outcome: ok, error, cut.',
      labelNames: [...targetLabelNames, 'outcome'],
    }
    const histogram = (name: string, help: string, its: Histogram): Family =>
      histogramFamily({ name, help, labelNames: targetLabelNames }, its, function* () {
        for (const { labels, cells } of all()) yield [labels, cells]
      })
    return [
      scalarFamily('counter', requests, function* () {
        for (const { labels, outcomes } of all()) {
          for (const [i, outcome] of targetOutcomes.entries()) yield [`${labels},outcome="${outcome}"`, outcomes[i]]
        }
      }),
      histogram(
        'signalbox_target_ttft_seconds',
        'Seconds from a request to the first token of its answer; of an answer that is no stream, to its end.',
        targetHistograms.ttftSeconds,
      ),
      histogram(
        'signalbox_target_token_seconds',
        'Seconds for each output token of an answer that says how many it has.',
        targetHistograms.tokenSeconds,
      ),
      counter(
        'signalbox_target_output_tokens_total',
        'Output tokens of answers that say how many they have.',
        ({ outputTokens }) => outputTokens,
      ),
      counter(
        'signalbox_target_output_seconds_total',
        'Seconds in which those tokens came: of a stream from its first token to its end, else all of its time.',
        ({ outputSeconds }) => outputSeconds,
      ),
      weightFamily(splits),
    ]
  }

  #seriesOf(resource: string, target: string): TargetSeries {
    const byTarget = entryOf(this.#byResource, resource, () => new Map<string, TargetSeries>())
    return entryOf(byTarget, target, () => new TargetSeries(resource, target))
  }

  *#all(): Generator<TargetSeries> {
    for (const byTarget of this.#byResource.values()) yield* byTarget.values()
  }
}

function weightFamily(splits: () => Iterable<TargetSplit>): Family {
  const head = {
    name: 'signalbox_target_weight_ratio',
    help: 'Share of the requests that a target gets while one of its resource is rolled out, 0 to 1.',
    labelNames: targetLabelNames,
    isShared: true,
  }
  return scalarFamily('gauge', head, function* (): Generator<ScalarSample> {
    // The rules of one InferenceModelRewrite may have the same targets.
    const told = new Set<string>()
    for (const { targets, totalWeight, rollout } of splits()) {
      if (rollout === undefined) continue
      for (const { name, weight } of targets) {
        const labels = labelsOf(targetLabelNames, [rollout.resource, name])
        if (told.has(labels)) continue
        told.add(labels)
        yield [labels, weight / totalWeight]
      }
    }
  })
}

/** Counts the end of a request that {@link TargetMetrics} was told of. */
export function observeTarget(
  series: TargetSeries,
  request: InferenceRequest,
  response: ResponsePhase | undefined,
): void {
  const outcome = targetOutcomeOf(request, response)
  if (outcome !== undefined) series.ended(outcome)
  if (response === undefined || response.status >= 400 || Number.isNaN(response.endedAtMs)) return
  const { reader, firstTokenAtMs, endedAtMs } = response
  const isStream = reader?.isStream === true
  // The first token of a stream has been observed when it came.
  if (!isStream) series.answered(endedAtMs - request.startedAtMs)
  const tokens = reader?.usage?.completionTokens
  const beganAtMs = isStream ? firstTokenAtMs : request.startedAtMs
  if (tokens === undefined || tokens === 0 || Number.isNaN(beganAtMs)) return
  series.generated(tokens, (endedAtMs - beganAtMs) / 1000)
}

/**
 * A server that does not have the model says 404, one that sheds 429; other client errors are the client's. Undefined where nothing
 * of the answer was to be seen.
 */
function targetOutcomeOf(
  { seesEnd, facts }: InferenceRequest,
  response: ResponsePhase | undefined,
): TargetOutcome | undefined {
  if (response === undefined) return seesEnd ? 'cut' : undefined
  const { status } = response
  if (status >= 500 || status === 404 || status === 429) return 'error'
  if (status >= 400 || !seesEnd) return 'ok'
  return isWhole(response, facts) ? 'ok' : 'cut'
}
