import { cpus } from 'node:os'

/** What all cores together have done since the machine began. */
export type CpuTimes = { readonly idleMs: number; readonly totalMs: number }

export function cpuTimes(): CpuTimes {
  let idleMs = 0
  let totalMs = 0
  for (const { times } of cpus()) {
    idleMs += times.idle
    totalMs += times.user + times.nice + times.sys + times.idle + times.irq
  }
  return { idleMs, totalMs }
}

/** Share of all cores that was busy between two moments, 0 to 1. */
export function busyShare(before: CpuTimes, after: CpuTimes): number {
  return 1 - (after.idleMs - before.idleMs) / Math.max(1, after.totalMs - before.totalMs)
}
