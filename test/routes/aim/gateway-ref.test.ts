import { describe, expect, test } from 'vitest'
import { readGatewayRef } from '../../../src/routes/aim/gateway-ref.ts'
import { makeBareService } from './objects.ts'

const read = (value: unknown) => readGatewayRef({ value, from: { object: makeBareService('a'), path: [] } })

const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway' }

describe('a gateway reference', () => {
  test.each([
    [{ name: 'edge' }, { ...gateway, name: 'edge' }],
    [
      { name: 'edge', namespace: 'infra' },
      { ...gateway, name: 'edge', namespace: 'infra' },
    ],
    [
      { name: 'edge', sectionName: 'https', port: 8443 },
      { ...gateway, name: 'edge', sectionName: 'https', port: 8443 },
    ],
    [
      { group: '', kind: 'Service', name: 'edge' },
      { group: '', kind: 'Service', name: 'edge' },
    ],
    [
      { name: 'edge', group: null, kind: null, namespace: null, sectionName: null, port: null },
      { ...gateway, name: 'edge' },
    ],
    [
      { name: 'edge', weight: 1 },
      { ...gateway, name: 'edge' },
    ],
  ])('%j is read with its defaults, and without what is not given', (value, ref) => {
    expect(read(value)).toEqual(ref)
  })

  test.each([
    ['edge', [], 'edge'],
    [['edge'], [], ['edge']],
    [{}, ['name'], undefined],
    [{ namespace: 'infra' }, ['name'], undefined],
    [{ name: null }, ['name'], undefined],
    [{ name: '' }, ['name'], ''],
    [{ name: 7 }, ['name'], 7],
    [{ name: 'edge', group: 7 }, ['group'], 7],
    [{ name: 'edge', kind: '' }, ['kind'], ''],
    [{ name: 'edge', namespace: '' }, ['namespace'], ''],
    [{ name: 'edge', sectionName: {} }, ['sectionName'], {}],
    [{ name: 'edge', port: '80' }, ['port'], '80'],
    [{ name: 'edge', port: 0 }, ['port'], 0],
    [{ name: 'edge', port: 65_536 }, ['port'], 65_536],
    [{ name: 'edge', port: 1.5 }, ['port'], 1.5],
  ])('%j is refused', (value, path, found) => {
    expect(read(value)).toEqual({ path, found, allowed: expect.any(String) })
  })
})
