import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { envoy } from '../envoy.ts'
import { modelAlias } from '../scene.ts'
import type { Fault } from './faults.ts'
import { type Fleet, startFleet } from './fleet.ts'
import { expectCounts, noFailures, type Stage, startStage } from './stage.ts'

const cases: readonly { readonly fault: Fault; readonly which: 'resources' | 'endpoints' }[] = [
  { fault: 'A resource file is half written', which: 'resources' },
  { fault: 'The endpoints file is half written', which: 'endpoints' },
]

describe.skipIf(envoy === undefined)('no request fails while', () => {
  let fleet: Fleet
  let stage: Stage
  beforeAll(async () => {
    fleet = await startFleet()
    stage = await startStage({
      servers: fleet.servers,
      // Without its InferenceModel a model is refused.
      resources: [modelAlias('qwen', 'qwen'), modelAlias('other', 'qwen')],
      serveFlags: ['--unknown-model=reject'],
    })
  })
  afterAll(async () => {
    await stage?.stop()
    await fleet?.stop()
  })

  test.each(cases)('$fault', async ({ fault, which }) => {
    const file = stage.scene.files[which]
    const text = await readFile(file, 'utf8')
    // Longer than the 100 ms after which a change is read.
    const aMoment = () => stage.traffic.answered(60)
    const { during } = await stage.suffer(fault, async () => {
      // Bit by bit in place, with pauses: empty first, then cut in the midst of a line, then after a document or an entry.
      for (const end of [0, text.length / 3, text.lastIndexOf('---') + 1, text.lastIndexOf('  - name')]) {
        await writeFile(file, text.slice(0, end))
        await aMoment()
      }
      // As editors do: a swap file, the old one kept, the new one moved into its place; half of it, and for long.
      const swap = join(dirname(file), '.swap.yaml')
      await writeFile(swap, `${text}\n: [`)
      await writeFile(`${file}~`, 'no: [')
      await rename(swap, file)
      await aMoment()
      await aMoment()
      await writeFile(file, `${text}\n# whole again`)
      await aMoment()
      await rm(`${file}~`)
    })
    expectCounts(during, noFailures)
    await expect.poll(() => stage.scene.metric('signalbox_resource_problems')).toBe(0)
  })
})
