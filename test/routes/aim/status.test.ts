import { describe, expect, test } from 'vitest'
import { describeOtherController, judgeRoute } from '../../../src/routes/aim/status.ts'
import type { ParentRef } from '../../../src/routes/parent-ref.ts'
import { makeAimService, makeHttpRoute } from './objects.ts'

const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'inference', namespace: 'gateways' }
const accepted = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' }
const rejected = { type: 'Accepted', status: 'False', reason: 'NotAllowedByListeners', message: 'not here' }
const unresolved = { type: 'ResolvedRefs', status: 'False', reason: 'BackendNotFound', message: 'no service' }

const parent = (conditions: unknown, parentRef: unknown = gateway) => ({ parentRef, conditions })
const judge = (parents: unknown, ref: unknown = gateway, generation = 2) =>
  judgeRoute(makeHttpRoute('r', { parents, generation }), ref as ParentRef)

const isAccepted = { status: 'True', reason: 'HTTPRouteAccepted', message: 'HTTPRoute is accepted by gateway' }
const isPending = {
  status: 'False',
  reason: 'HTTPRoutePending',
  message: 'HTTPRoute is waiting for gateway acceptance',
}
const isRejected = { status: 'False', reason: 'NotAllowedByListeners', message: 'HTTPRoute rejected: not here' }
const isUnresolved = {
  status: 'False',
  reason: 'BackendNotFound',
  message: 'HTTPRoute backend not resolved: no service',
}

test('a route that is not there is being created', () => {
  expect(judgeRoute(undefined, gateway)).toEqual({
    type: 'HTTPRouteReady',
    status: 'Unknown',
    reason: 'HTTPRouteCreating',
    message: 'HTTPRoute is being created',
  })
})

describe('HTTPRouteReady by what the gateway says', () => {
  test.each([
    ['accepted', [parent([accepted])], isAccepted],
    ['accepted and resolved', [parent([accepted, { ...unresolved, status: 'True' }])], isAccepted],
    ['rejected', [parent([rejected])], isRejected],
    ['rejected and unresolved', [parent([unresolved, rejected])], isRejected],
    ['accepted and unresolved', [parent([accepted, unresolved])], isUnresolved],
    ['unresolved alone', [parent([unresolved])], isUnresolved],
    ['accepted by one controller, rejected by another', [parent([accepted]), parent([rejected])], isRejected],
    ['no message', [parent([{ ...rejected, message: '' }])], { message: 'HTTPRoute rejected: NotAllowedByListeners' }],
    ['resolved alone', [parent([{ ...unresolved, status: 'True' }])], isPending],
    ['unknown', [parent([{ ...accepted, status: 'Unknown' }])], isPending],
    ['no conditions', [parent([])], isPending],
    ['no parents', [], isPending],
    ['no status', undefined, isPending],
    [
      'nothing of the right shape',
      ['x', null, {}, parent('x'), parent(['x', null]), parent([accepted], 'x')],
      isPending,
    ],
  ])('%s', (_, parents, expected) => {
    expect(judge(parents)).toMatchObject({ type: 'HTTPRouteReady', ...expected })
  })

  test('without a reason of the gateway there is none', () => {
    expect(judge([parent([{ type: 'Accepted', status: 'False' }])])).toEqual({
      type: 'HTTPRouteReady',
      status: 'False',
      message: 'HTTPRoute rejected',
    })
  })

  test.each([
    ['of an older generation', 1, isPending],
    ['of this generation', 2, isAccepted],
    ['of a newer one', 3, isAccepted],
    ['of none', undefined, isAccepted],
    ['of one that is no number', '1', isAccepted],
  ])('a condition %s', (_, observedGeneration, expected) => {
    expect(judge([parent([{ ...accepted, observedGeneration }])])).toMatchObject(expected)
  })

  test('each condition is as old as itself', () => {
    expect(judge([parent([{ ...rejected, observedGeneration: 1 }, accepted])])).toMatchObject(isAccepted)
  })
})

describe('only entries for this parent count', () => {
  const { group, kind, ...named } = gateway
  const local = { name: 'inference', namespace: 'ml-team' }
  test.each([
    ['the same', gateway, gateway, true],
    ['group and kind by default', named, gateway, true],
    ['another group', { ...gateway, group: 'x' }, gateway, false],
    ['another kind', { ...gateway, kind: 'Service' }, gateway, false],
    ['another name', { ...gateway, name: 'x' }, gateway, false],
    ['another namespace', { ...gateway, namespace: 'x' }, gateway, false],
    ['no namespace, which is that of the route', { name: 'inference' }, gateway, false],
    ['the namespace of the route by default', { name: 'inference' }, { group, kind, ...local }, true],
    ['the namespace of the route given', local, { group, kind, name: 'inference' }, true],
    ['a listener that was not asked for', { ...gateway, sectionName: 'a' }, gateway, false],
    ['no listener, one was asked for', gateway, { ...gateway, sectionName: 'a' }, false],
    ['the listener', { ...gateway, sectionName: 'a' }, { ...gateway, sectionName: 'a' }, true],
    ['a port that was not asked for', { ...gateway, port: 80 }, gateway, false],
    ['the port', { ...gateway, port: 80 }, { ...gateway, port: 80 }, true],
    ['another port', { ...gateway, port: 80 }, { ...gateway, port: 81 }, false],
    ['nulls', { ...gateway, sectionName: null, port: null }, gateway, true],
  ])('%s', (_, parentRef, ref, counts) => {
    expect(judge([parent([accepted], parentRef)], ref)).toMatchObject(counts ? isAccepted : isPending)
  })
})

describe('who controls a route', () => {
  const service = makeAimService('chat')
  const bare = makeAimService('chat', { metadata: { uid: '' } })
  const same = { kind: 'AIMService', name: 'chat', uid: 'uid-of-chat' }
  test.each([
    ['nobody', service, undefined, undefined],
    ['the service', service, same, undefined],
    ['one who does not control it', service, { ...same, uid: 'x', controller: false }, undefined],
    ['a service of the name that was there before', service, { ...same, uid: 'x' }, 'AIMService chat (uid x)'],
    ['another kind', service, { kind: 'Model', name: 'chat', uid: 'x' }, 'Model chat (uid x)'],
    ['the service, which has no uid in a file', bare, same, undefined],
    ['another kind, no uid in a file', bare, { ...same, kind: 'Model' }, 'Model chat'],
    ['another name, no uid in a file', bare, { ...same, name: 'x' }, 'AIMService x'],
    ['the service, by name, of a route from a file', service, { kind: 'AIMService', name: 'chat' }, undefined],
    ['something without a name', service, { uid: 'x' }, 'another object (uid x)'],
  ])('%s', (_, service, owner, who) => {
    const route = makeHttpRoute('chat-a04542d9', owner === undefined ? {} : { owner })
    const described = describeOtherController(route, service)
    if (who === undefined) expect(described).toBeUndefined()
    else expect(described).toContain(`HTTPRoute ml-team/chat-a04542d9 is controlled by ${who}`)
  })
})
