import { expect, test } from 'vitest'
import { nearest } from '../../src/catalog/nearest.ts'

const fields = ['selector', 'targetPorts', 'appProtocol', 'endpointPickerRef']

test.each([
  ['selektor', 'selector'],
  ['Selector', 'selector'],
  ['targetPort', 'targetPorts'],
  ['tagretPorts', 'targetPorts'],
  ['appPortocol', 'appProtocol'],
  ['protocol', 'appProtocol'],
  ['endpointPicker', 'endpointPickerRef'],
  ['end', 'endpointPickerRef'],
  ['en', undefined],
  ['replicas', undefined],
  ['', undefined],
])('%j is nearest to %j', (word, expected) => {
  expect(nearest(word, fields)).toBe(expected)
})

test('prefers the fewest changes', () => {
  expect(nearest('cats', ['cart', 'cat', 'cut'])).toBe('cat')
  expect(nearest('target', ['targetPorts', 'targets'])).toBe('targets')
})

test('counts a swap of two letters as one change', () => {
  expect(nearest('prot', ['pr', 'port'])).toBe('port')
})

test('takes the first of equals', () => {
  expect(nearest('cat', ['bat', 'rat'])).toBe('bat')
})
