import { describe, expect, test } from 'vitest'
import { FlowController } from '../../src/admission/flow-controller.ts'
import { FlowItem } from '../../src/admission/flow-item.ts'
import { defaultFlowControlOptions } from '../../src/admission/options.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { idle } from './requests.ts'
import { parsePage } from './text-format.ts'

class Item extends FlowItem {
  readonly model: string
  readonly targetModel = 'target'
  onAdmitted(): void {}
  onRejected(): void {}

  constructor(model: string, fairnessId = 'team', ttlMs?: number) {
    super({ priority: 1, fairnessId, bytes: 10, ttlMs, sloTtftMs: undefined, receivedAtMs: 0 })
    this.model = model
  }
}

function world() {
  const clock = new ManualClock()
  const pool = {
    isFull: true,
    isEmpty: false,
    saturation: () => Number(pool.isFull),
    hasEndpoints: () => !pool.isEmpty,
  }
  const metrics = createMetrics(idle, { emitsLlmdNames: true })
  const observer = metrics.queueObserver('default/pool')
  const controller = new FlowController({ ...defaultFlowControlOptions, maxRequests: 2 }, { pool, clock, observer })
  const lines = async (name: string) => {
    const family = parsePage(await metrics.registry.metrics()).get(name)!
    return family.samples
      .filter((sample) => !sample.name.endsWith('_bucket'))
      .map((sample) => `${sample.name.slice(name.length)}{${Object.values(sample.labels)}} ${sample.value}`)
  }
  return { clock, pool, controller, lines, observer }
}

const sizes = 'inference_extension_flow_control_queue_size'
const bytes = 'inference_extension_flow_control_queue_bytes'
const durations = 'inference_extension_flow_control_request_queue_duration_seconds'

describe('flow control', () => {
  test('what waits is counted by flow and model, until it leaves', async () => {
    const { clock, pool, controller, lines } = world()
    controller.offer(new Item('a'))
    const second = new Item('b')
    controller.offer(second)
    expect(await lines(sizes)).toEqual(['{team,1,default/pool,a,target} 1', '{team,1,default/pool,b,target} 1'])
    expect(await lines(bytes)).toEqual(['{team,1,default/pool,a,target} 10', '{team,1,default/pool,b,target} 10'])
    await clock.advance(500)
    controller.cancel(second)
    await clock.advance(250)
    pool.isFull = false
    controller.release()
    expect(await lines(sizes)).toEqual(['{team,1,default/pool,a,target} 0', '{team,1,default/pool,b,target} 0'])
    expect(await lines(bytes)).toEqual(['{team,1,default/pool,a,target} 0', '{team,1,default/pool,b,target} 0'])
    expect(await lines(durations)).toEqual([
      ...['_sum{team,1,Dispatched,default/pool,a,target} 0.75', '_count{team,1,Dispatched,default/pool,a,target} 1'],
      '_sum{team,1,EvictedContextCancelled,default/pool,b,target} 0.5',
      '_count{team,1,EvictedContextCancelled,default/pool,b,target} 1',
    ])
    expect(await lines('llm_d_epp_flow_control_queue_size')).toEqual(await lines(sizes))
    expect(await lines('llm_d_epp_flow_control_request_queue_duration_seconds')).toEqual(await lines(durations))
  })

  test('what need not wait is told with no wait, and never counted as waiting', async () => {
    const { pool, controller, lines } = world()
    pool.isFull = false
    controller.offer(new Item('a'))
    expect(await lines(sizes)).toEqual(['{team,1,default/pool,a,target} 0'])
    expect(await lines(durations)).toEqual([
      '_sum{team,1,Dispatched,default/pool,a,target} 0',
      '_count{team,1,Dispatched,default/pool,a,target} 1',
    ])
  })

  test('rejections have the words of the reference', async () => {
    const { clock, pool, controller, lines } = world()
    controller.offer(new Item('ttl', 'team', 1_000))
    await clock.advance(1_001)
    controller.offer(new Item('shut'))
    controller.offer(new Item('shut'))
    controller.offer(new Item('full'))
    pool.isEmpty = true
    controller.offer(new Item('empty'))
    controller.close()
    controller.offer(new Item('late'))
    const counts = (await lines(durations)).filter((line) => line.startsWith('_count'))
    expect(counts.sort()).toEqual([
      '_count{team,1,EvictedTTL,default/pool,ttl,target} 1',
      '_count{team,1,RejectedCapacity,default/pool,full,target} 1',
      '_count{team,1,RejectedNoEndpoints,default/pool,empty,target} 1',
      '_count{team,1,RejectedOther,default/pool,late,target} 1',
      '_count{team,1,RejectedOther,default/pool,shut,target} 2',
    ])
    expect((await lines(sizes)).every((line) => line.endsWith(' 0'))).toBe(true)
  })

  test('fairness ids are bounded', async () => {
    const { observer, lines } = world()
    for (let i = 0; i < 1_500; i += 1) observer.dispatched(new Item('m', `team-${i}`), 0)
    expect(await lines(sizes)).toHaveLength(1_001)
    expect(await lines(sizes)).toContain('{other,1,default/pool,m,target} 0')
  })
})
