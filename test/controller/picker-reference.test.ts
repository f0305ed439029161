import { expect, test } from 'vitest'
import { readPickerReference, resolvePicker } from '../../src/controller/picker-reference.ts'
import type { KubeObject } from '../../src/kubernetes/object.ts'

const object = (name: string, spec: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Any',
  metadata: { namespace: 'default', name },
  spec,
})
const services = new Map([
  ['default/signalbox', object('signalbox', { ports: [{ port: 8080 }, { port: 9002 }] })],
  [
    'default/outside',
    object('outside', { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 9002 }] }),
  ],
  ['other/elsewhere', object('elsewhere', { ports: [{ port: 9002 }] })],
])
const allTheSame = '; where Signalbox serves the pool it picks all the same'
const resolve = (spec: object) => {
  const { status, reason, message } = resolvePicker(readPickerReference(object('pool', spec)), 'default', services)
  return `${status} ${reason}: ${message}`
}

test.each([
  [{}, 'True ResolvedRefs: the pool names no endpoint picker'],
  [
    { endpointPickerRef: { name: 'signalbox', port: { number: 9002 } } },
    'True ResolvedRefs: endpoints are picked by Service default/signalbox, port 9002',
  ],
  // v1alpha2: 9002 unless it says otherwise.
  [
    { extensionRef: { name: 'signalbox' } },
    'True ResolvedRefs: endpoints are picked by Service default/signalbox, port 9002',
  ],
  [
    { extensionRef: { name: 'signalbox', portNumber: 8080 } },
    'True ResolvedRefs: endpoints are picked by Service default/signalbox, port 8080',
  ],
  [
    { endpointPickerRef: { name: 'signalbox', port: { number: 9005 } } },
    `False InvalidExtensionRef: Service default/signalbox has no port 9005${allTheSame}`,
  ],
  [
    { extensionRef: { name: 'elsewhere' } },
    `False InvalidExtensionRef: there is no Service default/elsewhere${allTheSame}`,
  ],
  [
    { extensionRef: { name: 'outside' } },
    `False InvalidExtensionRef: Service default/outside is an ExternalName${allTheSame}`,
  ],
  [
    { extensionRef: { group: 'example.com', kind: 'Picker', name: 'signalbox' } },
    `False InvalidExtensionRef: an endpoint picker is a Service, not a Picker of example.com${allTheSame}`,
  ],
])('the endpoint picker of a pool with %j: %s', (spec, expected) => expect(resolve(spec)).toBe(expected))

test('a pool that has not even a spec, which v1alpha2 lets pass, names none', () => {
  const { spec: _, ...pool } = object('pool', {})
  expect(readPickerReference(pool)).toBeUndefined()
})
