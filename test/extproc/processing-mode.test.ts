import { describe, expect, test } from 'vitest'
import { cheapestMode, describeMode } from '../../src/extproc/processing-mode.ts'
import { catalogOf } from '../request/catalog-of.ts'
import { configured } from '../scheduling/configured.ts'

const pools = ['default/qwen']
const plain = catalogOf({ pools, models: { qwen: { pool: 'default/qwen', targets: { qwen: 1 } } } })
const renaming = catalogOf({ pools, models: { chat: { pool: 'default/qwen', targets: { qwen: 1 } } } })
const rewriting = catalogOf({ pools, rewrites: { 'default/qwen': { '*': { targets: { qwen: 1 } } } } })

const scorers = 'plugins: [{type: queue-scorer}]'
const counting =
  'plugins: [{type: concurrency-detector}]\nflowControl: {saturationDetector: {pluginRef: concurrency-detector}}'
const queueing = 'featureGates: [flowControl]\nplugins: [{type: queue-scorer}]'
const reporting =
  'plugins: [{type: queue-scorer}, {type: request-attribute-reporter, parameters: {attributes: [{key: {name: cost}, expression: usage.total_tokens}]}}]'

describe('the cheapest processing mode', () => {
  test.each([
    ['nothing looks at answers', plain, scorers, 'NONE', 'SKIP'],
    ['requests are counted to the ends of their answers', plain, counting, 'NONE', 'SEND'],
    ['requests queue', plain, queueing, 'NONE', 'SEND'],
    ['a model is renamed', renaming, scorers, 'STREAMED', 'SKIP'],
    ['a rewrite renames models', rewriting, scorers, 'STREAMED', 'SKIP'],
    ['what answers use is reported', plain, reporting, 'STREAMED', 'SKIP'],
    ['a model is renamed and requests queue', renaming, queueing, 'STREAMED', 'SKIP'],
  ])('%s', (_, catalog, configuration, body, trailers) => {
    const settings = cheapestMode(catalog, configured(configuration))
    expect(Object.fromEntries(settings.map(({ field, value }) => [field, value]))).toEqual({
      request_header_mode: 'SEND',
      request_body_mode: 'FULL_DUPLEX_STREAMED',
      request_trailer_mode: 'SEND',
      response_header_mode: 'SEND',
      response_body_mode: body,
      response_trailer_mode: trailers,
    })
  })

  test('is told with reasons, as it stands in a filter', () => {
    expect(describeMode(cheapestMode(renaming, configured(scorers)))).toEqual([
      'processing_mode:',
      '  request_header_mode: SEND',
      '  request_body_mode: FULL_DUPLEX_STREAMED  # the model is in the body',
      '  request_trailer_mode: SEND               # full duplex asks for it',
      '  response_header_mode: SEND               # the status, and which server answered',
      expect.stringMatching(/^ {2}response_body_mode: STREAMED {13}# .+ renames a model: /),
      '  response_trailer_mode: SKIP',
      'metadata_options:',
      '  receiving_namespaces: {untyped: [envoy.lb, signalbox]}  # what an answer has used',
    ])
    expect(describeMode(cheapestMode(plain, configured(scorers))).join()).not.toContain('metadata_options')
  })
})
