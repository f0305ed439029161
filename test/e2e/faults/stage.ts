import { expect, vi } from 'vitest'
import { type Replica, requestModes, type Scene, type SceneOptions, startScene } from '../scene.ts'
import type { Fault } from './faults.ts'
import { recordRun } from './record.ts'
import { type Counts, type FaultRun, type Phase, Traffic } from './traffic.ts'

/** Longer than any fault lasts: a request without an end by then is stuck. */
const defaultPatienceMs = 20_000
const clientsPerMode = 8
/** So many requests are under way at most. */
export const clients = clientsPerMode * Object.keys(requestModes).length

/** A gateway with all modes of request bodies, and clients that keep asking. */
export type Stage = {
  readonly scene: Scene
  readonly traffic: Traffic
  /** Counts what comes of requests before, while and after the fault, and demands what holds for every one. */
  suffer(fault: Fault, happen: () => Promise<unknown>): Promise<FaultRun>
  /** Demands, too, that no request has left anything in Signalbox. */
  stop(): Promise<void>
}

export async function startStage(options: SceneOptions & { readonly patienceMs?: number }): Promise<Stage> {
  const { patienceMs = defaultPatienceMs, ...sceneOptions } = options
  const scene = await startScene({ listeners: requestModes, ...sceneOptions })
  const urls = new Map(Object.keys(requestModes).map((mode) => [mode, scene.urlOf(mode)]))
  const traffic = new Traffic({ urls, clientsPerUrl: clientsPerMode, patienceMs })
  return {
    scene,
    traffic,
    async suffer(fault, happen) {
      const run = await traffic.around(happen)
      recordRun(fault, run)
      expectCounts(run.before, noFailures)
      expectCounts(run.during, { wrong: 0 })
      expectCounts(run.after, noFailures)
      return run
    },
    async stop() {
      await traffic.stop()
      try {
        for (const replica of scene.replicas) await expectNothingLeft(scene, replica)
      } finally {
        await scene.stop()
      }
    },
  }
}

export const noFailures = { refused: 0, cut: 0, abandoned: 0, wrong: 0 }

/** With the reasons in the message. */
export function expectCounts({ counts, reasons }: Phase, expected: Partial<Counts>): void {
  expect(counts, [...reasons].map(([reason, times]) => `${times} × ${reason}`).join('\n')).toMatchObject(expected)
}

export const failed = ({ refused, cut, abandoned }: Counts): number => refused + cut + abandoned

async function expectNothingLeft(scene: Scene, replica: Replica): Promise<void> {
  await vi.waitFor(
    async () => {
      expect(await scene.metric('signalbox_open_exchanges', replica)).toBe(0)
      expect(await scene.metric('signalbox_held_bytes', replica)).toBe(0)
    },
    { timeout: 10_000, interval: 50 },
  )
}
