import { readdirSync, readlinkSync } from 'node:fs'

/** What a process holds that must not grow, as its metrics page and the system say it. */
export type Vitals = {
  /** Open file descriptors, and how many of them are sockets. */
  readonly fds: number
  readonly sockets: number
  /** What keeps Node's event loop busy: sockets, timers, watchers. */
  readonly resources: number
  readonly residentMegabytes: number
  /** From one turn of a timer of 10 ms to the next, milliseconds, since the page was asked for last. */
  readonly loopDelayP50Ms: number
  readonly loopDelayP99Ms: number
  readonly openExchanges: number
  readonly heldBytes: number
}

export async function readVitals(pid: number, metricsUrl: string): Promise<Vitals> {
  const page = await (await fetch(metricsUrl, { headers: { connection: 'close' } })).text()
  const metric = (name: string) => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(page)
    if (found === null) throw new Error(`${metricsUrl} has no ${name}`)
    return Number(found[1])
  }
  return {
    fds: metric('process_open_fds'),
    sockets: socketsOf(pid),
    resources: metric('nodejs_active_resources_total'),
    residentMegabytes: metric('process_resident_memory_bytes') / 1024 / 1024,
    loopDelayP50Ms: 1000 * metric('nodejs_eventloop_lag_p50_seconds'),
    loopDelayP99Ms: 1000 * metric('nodejs_eventloop_lag_p99_seconds'),
    openExchanges: metric('signalbox_open_exchanges'),
    heldBytes: metric('signalbox_held_bytes'),
  }
}

function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter((fd) => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith('socket:')
    } catch {
      return false // closed since
    }
  }).length
}
