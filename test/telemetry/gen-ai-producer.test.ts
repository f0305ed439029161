import { resourceFromAttributes } from '@opentelemetry/resources'
import { expect, test } from 'vitest'
import { GenAiProducer } from '../../src/telemetry/gen-ai-producer.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { flightTo, idle, type ResponseParts, requestWith, responseWith, routeTo } from './requests.ts'
import { parsePage } from './text-format.ts'

const metrics = createMetrics(idle, { emitsLlmdNames: false })
const { conversationObserver: observer } = metrics
const stream = { isStream: true, firstTokenAtMs: 1_250, events: 4, usage: { promptTokens: 300, completionTokens: 5 } }

function serve(model: string, path: string, response: ResponseParts): void {
  const request = requestWith({ model, target: `${model}-v2`, path })
  const flight = flightTo()
  observer.decided(request, routeTo('default/pool'), flight, 0)
  observer.ended(request, flight, responseWith(response))
}

test('the histograms of the metrics page, cell by cell, under the names of the conventions', async () => {
  let nowMs = 1_700_000_000_000
  const producer = new GenAiProducer(resourceFromAttributes({}), metrics.modelPairs, () => nowMs)
  expect((await producer.collect()).resourceMetrics.scopeMetrics).toEqual([])
  serve('chat', '/v1/chat/completions', stream)
  serve('chat', '/v1/chat/completions', { ...stream, firstTokenAtMs: 2_000, model: 'another' })
  serve('chat', '/v1/completions', { status: 503 })
  serve('embed', '/v1/embeddings', { usage: { promptTokens: 20 } })
  nowMs += 5_000

  const [{ metrics: collected }] = (await producer.collect()).resourceMetrics.scopeMetrics
  const told = collected.flatMap(({ descriptor, aggregationTemporality, dataPoints }) =>
    dataPoints.map(({ attributes, startTime, endTime, value }) => {
      expect([aggregationTemporality, startTime, endTime]).toEqual([1, [1_700_000_000, 0], [1_700_000_005, 0]])
      const { sum, count, buckets } = value as unknown as Histogram
      const name = descriptor.name.replaceAll('.', '_') + (descriptor.unit === 's' ? '_seconds' : '')
      const labels = Object.entries(attributes).map(([key, its]) => [key.replaceAll('.', '_'), its])
      let under = 0
      const limits = [...buckets.boundaries.map(String), '+Inf']
      const cumulative = buckets.counts.map((its, i) => [limits[i], (under += its)])
      return { name, labels: Object.fromEntries(labels), sum, count, cumulative }
    }),
  )

  const families = [...parsePage(await metrics.registry.metrics())].filter(([name]) => name.startsWith('gen_ai_'))
  const shown = families.flatMap(([name, { samples }]) =>
    samples
      .filter((sample) => sample.name === `${name}_count`)
      .map(({ labels, value: count }) => {
        const of = samples.filter((sample) => {
          const { le, ...rest } = sample.labels
          return JSON.stringify(rest) === JSON.stringify(labels)
        })
        const sum = of.find((sample) => sample.name === `${name}_sum`)!.value
        const cumulative = of.filter(({ labels }) => 'le' in labels).map(({ labels, value }) => [labels.le, value])
        return { name, labels, sum, count, cumulative }
      }),
  )
  expect(shown.length).toBeGreaterThan(7)
  const byText = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  expect(told.map(sorted).sort(byText)).toEqual(shown.map(sorted).sort(byText))
})

type Histogram = { sum: number; count: number; buckets: { boundaries: readonly number[]; counts: readonly number[] } }

const sorted = <T extends { labels: object }>({ labels, ...rest }: T) => ({
  ...rest,
  labels: Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
})
