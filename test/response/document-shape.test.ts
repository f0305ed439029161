import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ResponseDocument } from '../../src/response/document.ts'
import { Findings } from '../../src/response/findings.ts'
import { ModelValues } from '../../src/response/model-values.ts'
import { KnownEvent } from '../../src/response/opening.ts'

// In a file of its own, as it has to see the first instances of the class.
test('documents keep fast properties, even when the first ones live through garbage collections', () => {
  setFlagsFromString('--expose-gc')
  setFlagsFromString('--allow-natives-syntax')
  setFlagsFromString('--retain-maps-for-n-gc=0')
  const collectGarbage: () => void = runInNewContext('gc')
  const hasFastProperties = new Function('object', 'return %HasFastProperties(object)')
  const create = () => new ResponseDocument(new ModelValues(undefined, new Findings()), new KnownEvent())
  for (let instance = 0; instance < 10; instance++) {
    create()
    for (let times = 0; times < 4; times++) collectGarbage()
  }
  expect(hasFastProperties(create())).toBe(true)
})
