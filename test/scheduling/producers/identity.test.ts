import { describe, expect, it } from 'vitest'
import type { Producer } from '../../../src/scheduling/plugin.ts'
import { agentIdentity } from '../../../src/scheduling/producers/agent-identity.ts'
import { sessionIdProducer } from '../../../src/scheduling/producers/session-id.ts'
import { pluginContext } from '../context.ts'
import { schedulingRequest } from '../endpoints.ts'

/** What a producer says of a request, which it may ask for the headers that it declared alone. */
function said(producer: Producer, headers: Record<string, string>) {
  const header = (name: string) => {
    expect(producer.headerNames).toContain(name)
    return headers[name]
  }
  return producer.requestText!(schedulingRequest({ header }))
}

describe('agent-identity', () => {
  const all = { 'x-claude-code-session-id': '1', 'x-session-affinity': '2', 'session-id': '3', session_id: '4' }

  it('is the first header that a known agent sends', () => {
    const producer = agentIdentity.create(undefined, pluginContext())
    const left: Record<string, string> = { ...all }
    for (const [name, value] of Object.entries(all)) {
      expect(said(producer, left)).toBe(value)
      left[name] = ''
    }
    expect(said(producer, left)).toBeUndefined()
    expect(said(producer, {})).toBeUndefined()
  })

  it('is one of other headers before those', () => {
    const producer = agentIdentity.create({ additionalSessionHeaders: ['X-Mine', 'x-yours'] }, pluginContext())
    expect(said(producer, { ...all, 'x-yours': 'y' })).toBe('y')
    expect(said(producer, { ...all, 'x-mine': 'm', 'x-yours': 'y' })).toBe('m')
  })
})

describe('session-id-producer', () => {
  it.each([
    [undefined, { 'x-session-id': 'A' }, 'A'],
    [undefined, { 'x-session-id': '' }, undefined],
    [{ headerName: 'X-Mine' }, { 'x-mine': 'B', 'x-session-id': 'A' }, 'B'],
    [{ cookieName: 'sid' }, { cookie: 'a=1; sid=C ; b=2' }, 'C'],
    [{ cookieName: 'sid' }, { cookie: 'asid=1;sid="D=d"' }, 'D=d'],
    [{ cookieName: 'sid' }, { cookie: 'sid=; other' }, undefined],
    [{ cookieName: 'sid' }, {}, undefined],
  ])('with %j says of %j: %j', (parameters, headers, session) => {
    expect(said(sessionIdProducer.create(parameters, pluginContext()), headers as Record<string, string>)).toBe(session)
  })

  it.each([
    [{ headerName: 'a', cookieName: 'b' }, 'not both'],
    [{ headerName: 'not a name' }, 'is no header name'],
  ])('refuses %j', (parameters, place) => {
    expect(() => sessionIdProducer.create(parameters, pluginContext())).toThrow(place)
  })
})
