import { describe, expect, it } from 'vitest'
import { reachableFilter } from '../../../src/scheduling/filters/reachable.ts'
import { pluginContext } from '../context.ts'
import { endpoints, schedulingRequest } from '../endpoints.ts'

const filter = (...candidates: ReturnType<typeof endpoints>) =>
  reachableFilter.create(undefined, pluginContext()).filter(schedulingRequest(), candidates, Math.random)

describe('reachable-filter', () => {
  it('leaves out who refuses connections', () => {
    const [up, down, alsoUp] = endpoints({}, { isReachable: false }, {})
    expect(filter(up, down, alsoUp)).toEqual([up, alsoUp])
  })

  it('keeps all when all refuse, and when none does', () => {
    const down = endpoints({ isReachable: false }, { isReachable: false })
    expect(filter(...down)).toEqual(down)
    const up = endpoints({}, {})
    expect(filter(...up)).toEqual(up)
    expect(filter()).toEqual([])
  })
})
