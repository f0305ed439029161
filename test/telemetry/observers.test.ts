import { expect, test } from 'vitest'
import type { ConversationObserver } from '../../src/extproc/conversation-context.ts'
import { joinObservers } from '../../src/telemetry/observers.ts'

const called: string[] = []
const first: ConversationObserver = {
  decided: (_request, _route, _flight, heldBytes) => void called.push(`first decided ${heldBytes}`),
  refused: (code) => void called.push(`first refused ${code}`),
  unroutable: () => void called.push('first unroutable'),
  ended: () => void called.push('first ended'),
}

test('metrics alone are told without anything between', () => {
  expect(joinObservers(first, [])).toBe(first)
})

test('each is told what it asks for, metrics first', () => {
  const joined = joinObservers(first, [
    { ended: () => void called.push('second ended'), refused: (code) => void called.push(`second refused ${code}`) },
    { undecided: (_request, by, status) => void called.push(`third undecided ${by} ${status}`) },
  ])
  const request = {} as never
  joined.decided(request, request, undefined, 7)
  joined.refused('no_endpoint', request)
  joined.unroutable()
  joined.ended(request, undefined, undefined)
  joined.undecided!(request, 'client', 499)
  expect(called).toEqual([
    'first decided 7',
    'first refused no_endpoint',
    'second refused no_endpoint',
    'first unroutable',
    'first ended',
    'second ended',
    'third undecided client 499',
  ])
})
