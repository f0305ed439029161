import { bench, do_not_optimize, run, summary } from 'mitata'
import type { ProcessingEvents } from '../../src/extproc/decode.ts'
import { answer, encodeAnswer, encodeStreamedBodyOpening } from '../../src/extproc/encode.ts'
import { HeaderTable } from '../../src/extproc/headers.ts'
import { MessageReader } from '../../src/extproc/message-reader.ts'
import {
  deserializeRequest,
  deserializeResponse,
  grpcMessage,
  serializeRequest,
  serializeResponse,
} from '../../test/fuzz/ext-proc-oracle.ts'

/** The headers of a chat completion request as Envoy passes them on. */
const requestHeaders = {
  ':authority': 'inference.example.com',
  ':path': '/v1/chat/completions',
  ':method': 'POST',
  ':scheme': 'https',
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate, zstd',
  authorization: `Bearer ${'k'.repeat(64)}`,
  'content-type': 'application/json',
  'content-length': '16403',
  'user-agent': 'OpenAI/Python 2.7.1',
  'x-stainless-arch': 'x64',
  'x-stainless-async': 'async:asyncio',
  'x-stainless-lang': 'python',
  'x-stainless-os': 'Linux',
  'x-stainless-package-version': '2.7.1',
  'x-stainless-read-timeout': '600',
  'x-stainless-retry-count': '0',
  'x-stainless-runtime': 'CPython',
  'x-stainless-runtime-version': '3.13.2',
  'x-forwarded-for': '203.0.113.7',
  'x-forwarded-proto': 'https',
  'x-envoy-external-address': '203.0.113.7',
  'x-request-id': '6f1b9c0e-3c5b-4f0e-9f57-0d2f6c6d3a11',
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'x-gateway-inference-objective': 'interactive',
}
const table = new HeaderTable(['x-request-id', 'traceparent', 'x-gateway-inference-objective', 'x-session-id'])

const headersMessage = serializeRequest({
  request_headers: {
    headers: {
      headers: Object.entries(requestHeaders).map(([key, value]) => ({ key, raw_value: Buffer.from(value) })),
    },
  },
  attributes: { 'envoy.filters.http.ext_proc': { fields: { 'xds.route_name': { stringValue: 'inference' } } } },
  protocol_config: { request_body_mode: 'FULL_DUPLEX_STREAMED', response_body_mode: 'FULL_DUPLEX_STREAMED' },
})
const body = Buffer.alloc(16 * 1024, 'the points are set ')
const bodyMessage = serializeRequest({ request_body: { body } })

/** Notes what it is told, so that no work can be left out. */
const told = { headers: undefined as unknown, bytes: 0, ended: false }
const events: ProcessingEvents = {
  subsetHint() {},
  servedEndpoint() {},
  protocolConfig: () => {},
  requestHeaders: (headers) => {
    told.headers = headers
  },
  requestBody: (piece) => {
    told.bytes += piece.length
  },
  requestBodyEnd: (endOfStream) => {
    told.ended = endOfStream
  },
  requestTrailers: () => {},
  responseHeaders: () => {},
  responseBody: () => {},
  responseBodyEnd: () => {},
  responseTrailers: () => {},
}
const reader = new MessageReader(table, events, 1024 * 1024)
const headersChunk = grpcMessage(headersMessage)
const bodyChunk = grpcMessage(bodyMessage)
const bodyHalves = [bodyChunk.subarray(0, 9000), bodyChunk.subarray(9000)]

const mutation = {
  setHeaders: [
    'x-gateway-model-name',
    'meta-llama/Llama-3.1-8B-Instruct',
    'x-gateway-destination-endpoint',
    '10.0.0.1:8000',
  ],
  removeHeaders: ['x-gateway-inference-objective', 'x-gateway-inference-fairness-id'],
  clearRouteCache: true,
  metadata: { 'envoy.lb': { 'x-gateway-destination-endpoint': '10.0.0.1:8000' } },
}
/** The same answer as proto-loader takes it, made anew each time as a handler would. */
const headersAnswer = () => ({
  request_headers: {
    response: {
      header_mutation: {
        set_headers: [
          { header: { key: mutation.setHeaders[0], raw_value: Buffer.from(mutation.setHeaders[1]) } },
          { header: { key: mutation.setHeaders[2], raw_value: Buffer.from(mutation.setHeaders[3]) } },
        ],
        remove_headers: mutation.removeHeaders,
      },
      clear_route_cache: true,
    },
  },
  dynamic_metadata: {
    fields: {
      'envoy.lb': {
        structValue: { fields: { 'x-gateway-destination-endpoint': { stringValue: '10.0.0.1:8000' } } },
      },
    },
  },
})
const bodyAnswer = () => ({
  request_body: { response: { body_mutation: { streamed_response: { body, end_of_stream: false } } } },
})

const ours = encodeAnswer(answer.requestHeaders, mutation)
const theirs = serializeResponse(headersAnswer())
if (JSON.stringify(deserializeResponse(ours.subarray(5))) !== JSON.stringify(deserializeResponse(theirs))) {
  throw new Error('the two codecs do not say the same')
}

summary(() => {
  bench('decode headers, 25 of them', () => reader.push(headersChunk))
  bench('decode headers with proto-loader', () => do_not_optimize(deserializeRequest(headersMessage)))
})
summary(() => {
  bench('decode a body of 16 KiB', () => reader.push(bodyChunk))
  bench('decode a body of 16 KiB in two chunks', () => {
    for (const chunk of bodyHalves) reader.push(chunk)
  })
  bench('decode a body of 16 KiB with proto-loader', () => do_not_optimize(deserializeRequest(bodyMessage)))
})
summary(() => {
  bench('encode the answer to headers', () => do_not_optimize(encodeAnswer(answer.requestHeaders, mutation)))
  bench('encode the answer to headers with proto-loader', () => do_not_optimize(serializeResponse(headersAnswer())))
})
summary(() => {
  bench('encode the opening of a streamed body of 16 KiB', () =>
    do_not_optimize(encodeStreamedBodyOpening(answer.requestBody, body.length, false)),
  )
  bench('encode a streamed body of 16 KiB with proto-loader', () => do_not_optimize(serializeResponse(bodyAnswer())))
})

await run()
