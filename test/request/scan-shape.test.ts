import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { BodyScanner } from '../../src/request/scan.ts'

// In a file of its own, as it has to see the first instances of the class.
test('scanners keep fast properties, even when the first ones live through garbage collections', () => {
  setFlagsFromString('--expose-gc')
  setFlagsFromString('--allow-natives-syntax')
  setFlagsFromString('--retain-maps-for-n-gc=0')
  const collectGarbage: () => void = runInNewContext('gc')
  const hasFastProperties = new Function('object', 'return %HasFastProperties(object)')
  for (let instance = 0; instance < 10; instance++) {
    new BodyScanner()
    for (let times = 0; times < 4; times++) collectGarbage()
  }
  expect(hasFastProperties(new BodyScanner())).toBe(true)
})
