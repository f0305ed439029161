import pino from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { Crew } from '../../src/workers/crew.ts'
import { drainGraceMs, maxUnansweredPings, pingIntervalMs, restartDelayMs } from '../../src/workers/limits.ts'
import { ManualClock } from '../pool/manual-clock.ts'
import { FakeProcesses } from './fake-processes.ts'

let clock: ManualClock
let processes: FakeProcesses
let lines: string[]
let told: string[]
/** How many served, each time that readiness was asked about. */
let available: number[]

beforeEach(() => {
  clock = new ManualClock()
  processes = new FakeProcesses()
  lines = []
  told = []
  available = []
})

function newCrew(size: number): Crew {
  const crew: Crew = new Crew(size, {
    clock,
    spawn: processes.spawn,
    startOf: () => ({ kind: 'renew' }),
    told: (_worker, { kind }) => void told.push(kind),
    ended: () => {},
    onAvailable: () => void available.push(crew.serving.length),
    log: pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) }),
  })
  return crew
}

async function startedCrew(size: number): Promise<Crew> {
  const crew = newCrew(size)
  const started = crew.start()
  processes.serveAll()
  await started
  for (const process of processes.all) process.got.length = 0
  return crew
}

describe('a crew', () => {
  test('has started when the last of its workers serves', async () => {
    const crew = newCrew(2)
    let port: number | undefined
    const started = crew.start().then((found) => {
      port = found
    })
    const [first, second] = processes.all
    first.tell({ kind: 'serving', port: 9002 })
    await clock.advance(0)
    expect(port).toBeUndefined()
    second.tell({ kind: 'serving', port: 9002 })
    await started
    expect(port).toBe(9002)
    expect(available).toEqual([1])
  })

  test('does not start when one of them can not, and says why', async () => {
    const started = newCrew(2).start()
    const [first, second] = processes.all
    first.tell({ kind: 'failed', message: 'listen EADDRINUSE: address already in use', syscall: 'listen' })
    first.end()
    await expect(started).rejects.toMatchObject({ message: /EADDRINUSE/, syscall: 'listen' })
    expect(second.isKilled).toBe(true)
    await clock.advance(60_000)
    expect(processes.all.length).toBe(2)
  })

  test('does not start when one of them ends before it serves', async () => {
    const started = newCrew(2).start()
    processes.all[1].end('signal SIGSEGV')
    await expect(started).rejects.toThrow('worker 2 has ended before it served: signal SIGSEGV')
  })

  test('has those that serve already deal out their connections again when another one begins', async () => {
    const crew = newCrew(2)
    const started = crew.start()
    const [first, second] = processes.all
    first.tell({ kind: 'serving', port: 9002 })
    second.tell({ kind: 'serving', port: 9002 })
    await started
    // The first message is the one that starts it.
    expect([first.kinds, second.kinds]).toEqual([['renew', 'renew'], ['renew']])
  })
})

describe('a worker that ends', () => {
  test('is started again, and the others go on', async () => {
    const crew = await startedCrew(2)
    const [first, second] = processes.all
    first.end('signal SIGKILL')
    expect(crew.serving).toEqual([second])
    await clock.advance(restartDelayMs.first)
    expect(processes.all.length).toBe(3)
    processes.all[2].tell({ kind: 'serving', port: 9002 })
    expect(crew.serving.length).toBe(2)
    expect(second.kinds).toEqual(['renew'])
    expect(lines).toEqual(['a worker has ended, and is started again', 'a worker serves again'])
    // There was one at each moment.
    expect(available).toEqual([1])
  })

  test('again and again is started more and more rarely, until one has served for long', async () => {
    await startedCrew(1)
    const delays: number[] = []
    const restart = async () => {
      const count = processes.all.length
      processes.all.at(-1)!.end()
      const fromMs = clock.nowMs()
      while (processes.all.length === count) await clock.advance(50)
      delays.push(clock.nowMs() - fromMs)
    }
    for (let i = 0; i < 9; i += 1) await restart()
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
    processes.all.at(-1)!.tell({ kind: 'serving', port: 9002 })
    await clock.advance(restartDelayMs.servedWell)
    await restart()
    expect(delays.at(-1)).toBe(restartDelayMs.first)
  })

  test('has nothing more to tell: what was on its way is left', async () => {
    await startedCrew(2)
    const [first] = processes.all
    first.end('signal SIGKILL')
    told.length = 0
    first.tell({ kind: 'report', touched: [], loads: [], isWhole: false, lessons: [] })
    expect(told).toEqual([])
    processes.all[1].tell({ kind: 'report', touched: [], loads: [], isWhole: false, lessons: [] })
    expect(told).toEqual(['report'])
  })

  test('as the last one leaves nobody who serves', async () => {
    await startedCrew(2)
    for (const process of processes.all) process.end()
    expect(available).toEqual([1, 0])
  })
})

describe('a worker that hangs', () => {
  test('is killed after it has left so many questions unanswered, and started again', async () => {
    await startedCrew(2)
    const [first, second] = processes.all
    for (let i = 0; i <= maxUnansweredPings; i += 1) {
      await clock.advance(pingIntervalMs)
      second.tell({ kind: 'pong' })
    }
    expect([first.isKilled, second.isKilled]).toEqual([true, false])
    await clock.advance(restartDelayMs.first)
    expect(processes.all.length).toBe(3)
    expect(lines[0]).toBe('a worker does not answer, and is killed')
  })

  test('is not one that was asked nothing, as the primary itself stood still', async () => {
    await startedCrew(1)
    clock.stall(60_000)
    await clock.advance(pingIntervalMs)
    processes.all[0].tell({ kind: 'pong' })
    await clock.advance((maxUnansweredPings - 1) * pingIntervalMs)
    expect(processes.all[0].isKilled).toBe(false)
  })

  test('is not one that takes long to begin', async () => {
    newCrew(1)
      .start()
      .catch(() => {})
    await clock.advance(60_000)
    expect(processes.all[0].isKilled).toBe(false)
  })

  test('is not one that serves at last, after it was asked often while it began', async () => {
    newCrew(1)
      .start()
      .catch(() => {})
    await clock.advance(2 * maxUnansweredPings * pingIntervalMs)
    processes.serveAll()
    await clock.advance(pingIntervalMs)
    expect(processes.all[0].isKilled).toBe(false)
  })
})

describe('a drain', () => {
  test('waits for all, and starts none again', async () => {
    const crew = await startedCrew(2)
    let isOver = false
    const drained = crew.drain(30_000).then(() => {
      isOver = true
    })
    const [first, second] = processes.all
    expect([first.kinds, second.kinds]).toEqual([['drain'], ['drain']])
    first.end('exit code 0')
    await clock.advance(1_000)
    expect(isOver).toBe(false)
    second.end('exit code 0')
    await drained
    expect([processes.all.length, lines, clock.pendingTimers]).toEqual([2, [], 0])
  })

  test('kills what does not end in time', async () => {
    const crew = await startedCrew(2)
    const drained = crew.drain(30_000)
    processes.all[0].end('exit code 0')
    await clock.advance(30_000 + drainGraceMs)
    await drained
    expect(processes.all.map(({ isKilled }) => isKilled)).toEqual([false, true])
  })
})
