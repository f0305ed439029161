import { describe, expect, it } from 'vitest'
import type { SchedulingRequest } from '../../../src/scheduling/plugin.ts'
import { inflightLoadProducer } from '../../../src/scheduling/producers/inflight-load.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest } from '../endpoints.ts'
import { contextOfAll, prefixMatches } from './known.ts'

/** A request whose prompt is still being read. */
const growing = (promptBytes: number, maxOutputTokens?: number): SchedulingRequest & { promptBytes: number } => ({
  ...schedulingRequest({ maxOutputTokens }),
  promptBytes,
})
const create = (parameters?: unknown, context = contextOfAll()) => inflightLoadProducer.create(parameters, context)

it('are those of the whole prompt where nobody knows of caches', () => {
  const [endpoint] = endpoints({})
  create({}, pluginContext()).routed!(growing(400), endpoint)
  expect(endpoint.inFlightTokens).toBe(100)
})

describe('the tokens in flight', () => {
  it('are those of the prompt, until the request has ended', () => {
    const producer = create()
    const [endpoint] = endpoints({ inFlightTokens: 7 })
    const requests = [growing(400), growing(41)]
    for (const request of requests) producer.routed!(request, endpoint)
    expect(endpoint.inFlightTokens).toBe(7 + 100 + 11)
    producer.ended!(requests[0], endpoint, undefined)
    expect(endpoint.inFlightTokens).toBe(7 + 11)
    producer.ended!(requests[1], endpoint, undefined)
    expect(endpoint.inFlightTokens).toBe(7)
  })

  it('follow the prompt when it has been read to its end, and go as they came', () => {
    const producer = create()
    const [endpoint, helper] = endpoints({}, {})
    const request = growing(400)
    for (const at of [endpoint, helper]) producer.routed!(request, at)
    request.promptBytes = 4_000
    for (const at of [endpoint, helper]) producer.promptRead!(request, at)
    expect([endpoint.inFlightTokens, helper.inFlightTokens]).toEqual([1_000, 1_000])
    request.promptBytes = 9_000
    for (const at of [endpoint, helper]) producer.ended!(request, at, undefined)
    expect([endpoint.inFlightTokens, helper.inFlightTokens]).toEqual([0, 0])
  })

  it.each([
    [{}, [0, 0]],
    [{ addEstimatedOutputTokens: true }, [250, 0]],
  ])('with %j are %j for who answers and who helps once the answer has begun', (parameters, left) => {
    const producer = create(parameters)
    const [endpoint, helper] = endpoints({}, {})
    const request = growing(400)
    producer.routed!(request, endpoint, 'decode', false)
    producer.routed!(request, helper, 'prefill', true)
    producer.responseStarted!(request, endpoint, false)
    producer.responseStarted!(request, helper, true)
    expect([endpoint.inFlightTokens, helper.inFlightTokens]).toEqual(left)
    for (const at of [endpoint, helper]) producer.ended!(request, at, undefined)
    expect([endpoint.inFlightTokens, helper.inFlightTokens]).toEqual([0, 0])
  })

  it('count once, whatever is told twice', () => {
    const [first, second] = [create(), create()]
    const [endpoint] = endpoints({})
    const request = growing(400)
    for (const producer of [first, second]) producer.routed!(request, endpoint)
    expect(endpoint.inFlightTokens).toBe(100)
    for (const producer of [first, second, first]) producer.ended!(request, endpoint, undefined)
    expect(endpoint.inFlightTokens).toBe(0)
    first.promptRead!(request, endpoint)
    first.ended!(growing(400), endpoint, undefined)
    expect(endpoint.inFlightTokens).toBe(0)
  })

  it.each([{ prefixMatchInfoProducerName: 'matches' }, {}])('do not have what is cached in them (%j)', (parameters) => {
    const context = contextOfAll(undefined, prefixMatches({ 'server-0': 300 }))
    const producer = create(parameters, context)
    const [endpoint, other] = endpoints({}, {})
    const request = growing(400)
    for (const at of [endpoint, other]) producer.routed!(request, at)
    expect([endpoint.inFlightTokens, other.inFlightTokens]).toEqual([25, 100])
  })

  it.each([
    [{ addEstimatedOutputTokens: true }, undefined, 250],
    [{ addEstimatedOutputTokens: true, outputRatio: 0.5 }, undefined, 150],
    [{ addEstimatedOutputTokens: true }, 20, 120],
    [{ addEstimatedOutputTokens: true, maxEstimatedOutputTokens: 30 }, undefined, 130],
    [{ addEstimatedOutputTokens: true, maxEstimatedOutputTokens: 30 }, 20, 120],
    [{ addEstimatedOutputTokens: true, outputRatio: 0.014 }, undefined, 101],
    [{ outputRatio: 3, maxEstimatedOutputTokens: 30 }, 20, 100],
  ])('with %j and a limit of %j are %i for a prompt of 100', (parameters, maxOutputTokens, tokens) => {
    const [endpoint] = endpoints({})
    create(parameters).routed!(growing(400, maxOutputTokens), endpoint)
    expect(endpoint.inFlightTokens).toBe(tokens)
  })
})
