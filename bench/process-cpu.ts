import { readdirSync, readFileSync } from 'node:fs'

/** Linux reports CPU time in ticks of 10 ms on every architecture (USER_HZ). */
const ticksPerSecond = 100

/** The fields of /proc/PID/stat that count here (proc_pid_stat(5)). CPU time holds that of children waited for. */
export type ProcessStat = { readonly parentPid: number; readonly cpuSeconds: number }

export function parseProcessStat(text: string): ProcessStat {
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [parentPid, userTicks, systemTicks, childUserTicks, childSystemTicks] = [1, 11, 12, 13, 14].map((i) =>
    Number(fields[i]),
  )
  return { parentPid, cpuSeconds: (userTicks + systemTicks + childUserTicks + childSystemTicks) / ticksPerSecond }
}

/**
 * User and system CPU time in seconds, so far, of the processes and all their descendants. Throws when one of `pids`
 * does not run.
 */
export function cpuSeconds(pids: readonly number[]): number {
  const processes = readProcesses()
  const children = Map.groupBy(processes.keys(), (pid) => processes.get(pid)!.parentPid)
  const counted = new Set<number>()
  const count = (pid: number): number => {
    if (counted.has(pid)) return 0
    counted.add(pid)
    const own = processes.get(pid)
    if (!own) throw new Error(`no process ${pid}`)
    return (children.get(pid) ?? []).reduce((sum, child) => sum + count(child), own.cpuSeconds)
  }
  return pids.reduce((sum, pid) => sum + count(pid), 0)
}

function readProcesses(): Map<number, ProcessStat> {
  const processes = new Map<number, ProcessStat>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      processes.set(Number(name), parseProcessStat(readFileSync(`/proc/${name}/stat`, 'utf8')))
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return processes
}
