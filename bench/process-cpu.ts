import { readdirSync, readFileSync } from 'node:fs'

/** Linux reports CPU time in ticks of 10 ms on every architecture (USER_HZ). */
const ticksPerSecond = 100

/** The fields of /proc/PID/stat that count here (proc_pid_stat(5)). */
export type ProcessStat = {
  readonly name: string
  readonly parentPid: number
  /** User and system time of the process, and of children that it has waited for, in steps of 10 ms. */
  readonly cpuSeconds: number
  readonly childCpuSeconds: number
}

export function parseProcessStat(text: string): ProcessStat {
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const nameEnd = text.lastIndexOf(')')
  const fields = text.slice(nameEnd + 2).split(' ')
  const [parentPid, userTicks, systemTicks, childUserTicks, childSystemTicks] = [1, 11, 12, 13, 14].map((i) =>
    Number(fields[i]),
  )
  return {
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    parentPid,
    cpuSeconds: (userTicks + systemTicks) / ticksPerSecond,
    childCpuSeconds: (childUserTicks + childSystemTicks) / ticksPerSecond,
  }
}

/**
 * CPU time in seconds, so far, of the processes and all their descendants, of those that were waited for too. Throws when one
 * of `pids` does not run. To the nanosecond, but threads that have ended count no more: no server here ends any.
 */
export function cpuSeconds(pids: readonly number[]): number {
  const processes = readProcesses()
  const children = childrenOf(processes)
  const counted = new Set<number>()
  const count = (pid: number): number => {
    if (counted.has(pid)) return 0
    counted.add(pid)
    const own = processes.get(pid)
    if (!own) throw new Error(`no process ${pid}`)
    const seconds = own.childCpuSeconds + (threadSeconds(pid) ?? own.cpuSeconds)
    return (children.get(pid) ?? []).reduce((sum, child) => sum + count(child), seconds)
  }
  return pids.reduce((sum, pid) => sum + count(pid), 0)
}

/** CPU time in seconds of the children that this process has waited for, in steps of 10 ms. */
export function endedChildrenCpuSeconds(): number {
  return parseProcessStat(readFileSync('/proc/self/stat', 'utf8')).childCpuSeconds
}

/** The pid of the one process of this program name below `ancestor`. */
export function descendantNamed(ancestor: number, name: string): number {
  const processes = readProcesses()
  const children = childrenOf(processes)
  const found: number[] = []
  const search = (pid: number): void => {
    for (const child of children.get(pid) ?? []) {
      if (processes.get(child)!.name === name) found.push(child)
      search(child)
    }
  }
  search(ancestor)
  if (found.length !== 1) throw new Error(`${found.length} processes named ${name} below ${ancestor}`)
  return found[0]
}

function childrenOf(processes: ReadonlyMap<number, ProcessStat>): Map<number, number[]> {
  return Map.groupBy(processes.keys(), (pid) => processes.get(pid)!.parentPid)
}

/**
 * What the scheduler has counted for the threads that run (sched-stats, "/proc/<pid>/schedstat", a file of each thread);
 * undefined where the kernel has no such files.
 */
function threadSeconds(pid: number): number | undefined {
  let nanoseconds: number | undefined
  for (const thread of namesIn(`/proc/${pid}/task`)) {
    const text = tryRead(`/proc/${pid}/task/${thread}/schedstat`)
    if (text !== undefined) nanoseconds = (nanoseconds ?? 0) + Number(text.split(' ', 1)[0])
  }
  return nanoseconds === undefined ? undefined : nanoseconds / 1e9
}

function readProcesses(): Map<number, ProcessStat> {
  const processes = new Map<number, ProcessStat>()
  for (const name of namesIn('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const text = tryRead(`/proc/${name}/stat`)
    if (text !== undefined) processes.set(Number(name), parseProcessStat(text))
  }
  return processes
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // The process ended meanwhile.
    return []
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process or thread ended between the listing and the reading.
    return undefined
  }
}
