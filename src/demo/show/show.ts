import { setTimeout as sleep } from 'node:timers/promises'
import type { RolloutPhase } from '../../rollout/state.ts'
import { seededRandom } from '../../sim/random.ts'
import { busyShare, cpuTimes } from '../cpu-times.ts'
import type { ScenarioEvent, ScenarioFeed } from '../scenario-feed.ts'
import type { Measure, Window } from '../scenarios/measures.ts'
import { type Pair, rolledBackText, type Scenario } from '../scenarios/scenario.ts'
import { drive } from './drive.ts'
import type { Side, Stage } from './sides.ts'

const seed = 20_261_122
const tickMs = 1000
const mostWarmUpShare = 0.4
/** Each point of a series is of so much time before it: a twelfth of the whole within these bounds. */
const windowBoundsMs = [1000, 5000] as const

const rolloutText = {
  Waiting: 'rollout waits',
  Paused: 'rollout paused',
  RolledBack: rolledBackText,
  Aborted: 'rollout aborted',
  Completed: 'rollout complete',
} as const satisfies Record<Exclude<RolloutPhase, 'Progressing'>, string>

/** One run of a scenario: sends its requests, and knows at any time how it stands. */
export class Show {
  readonly #scenario: Scenario
  readonly #sides: readonly [Side, Side]
  readonly #rollout: Stage['rollout']
  readonly #lengthMs: number
  readonly #timesS: number[] = []
  readonly #points: { readonly measure: Measure; readonly sides: [(number | null)[], (number | null)[]] }[]
  readonly #events: ScenarioEvent[] = []
  #startMs = 0
  #rolloutText: string | undefined
  #endMs: number | undefined
  /** It has ended, and not before its time. */
  #isWhole = false
  /** Since the start, until the end. */
  #busy = () => 0

  constructor(scenario: Scenario, { sides, rollout }: Pick<Stage, 'sides' | 'rollout'>, lengthMs: number) {
    this.#scenario = scenario
    this.#sides = sides
    this.#rollout = rollout
    this.#lengthMs = lengthMs
    this.#points = scenario.series.map((measure) => ({ measure, sides: [[], []] }))
  }

  /** Resolves when it is over, or soon after the signal was given. */
  async run(signal: AbortSignal): Promise<void> {
    const { requests, patienceMs } = this.#scenario
    const planned = requests(this.#lengthMs, seededRandom(seed, 1))
    this.#startMs = performance.now()
    const cpuBefore = cpuTimes()
    this.#busy = () => busyShare(cpuBefore, cpuTimes())
    const ticks = setInterval(() => this.#tick(), tickMs)
    const over = new AbortController()
    const incidents = this.#cause(AbortSignal.any([signal, over.signal]))
    try {
      await drive({ requests: planned, sides: this.#sides, patienceMs, nowMs: () => this.#nowMs(), signal })
    } finally {
      clearInterval(ticks)
      over.abort()
      await incidents
    }
    this.#tick()
    this.#endMs = this.#nowMs()
    this.#isWhole = !signal.aborted
    const busy = this.#busy()
    this.#busy = () => busy
  }

  feed(): ScenarioFeed {
    const { name, title, says, figures, judge } = this.#scenario
    const nowMs = this.#endMs ?? this.#nowMs()
    const warmUpMs = Math.min(this.#scenario.warmUpMs, mostWarmUpShare * this.#lengthMs)
    const fromMs = nowMs > warmUpMs ? warmUpMs : 0
    const windows = this.#sides.map(({ tally }) => tally.dueWithin(fromMs, nowMs))
    return {
      name,
      title,
      says,
      sides: [this.#sides[0].name, this.#sides[1].name],
      lengthS: this.#lengthMs / 1000,
      phase: this.#endMs !== undefined ? 'over' : nowMs < warmUpMs ? 'warming up' : 'running',
      timesS: this.#timesS,
      series: this.#points.map(({ measure, sides }) => ({ name: measure.name, unit: measure.unit, points: sides })),
      events: this.#events,
      measured: { fromS: fromMs / 1000, requests: windows[0].outcomes.length, machineBusy: this.#busy() },
      summary: figures.map((measure) => ({ name: measure.name, unit: measure.unit, values: pair(measure, windows) })),
      verdict: !this.#isWhole ? null : judge((measure) => pair(measure, windows), this.#events),
    }
  }

  /** Lets the incidents happen at their times. */
  async #cause(signal: AbortSignal): Promise<void> {
    for (const { atShare, text, act } of this.#scenario.incidents) {
      const atMs = atShare * this.#lengthMs
      await sleep(Math.max(0, atMs - this.#nowMs()), undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      this.#events.push({ atS: atMs / 1000, text })
      for (const { servers } of this.#sides) void act(servers)
    }
  }

  #tick(): void {
    const nowMs = this.#nowMs()
    for (const { servers, tally } of this.#sides) tally.sample(servers, nowMs)
    // After the last request was sent only the slow ones end.
    if (nowMs > this.#lengthMs + tickMs / 2) return
    this.#timesS.push(Math.round(nowMs / 100) / 10)
    const [leastMs, mostMs] = windowBoundsMs
    const windowMs = Math.max(leastMs, Math.min(mostMs, this.#lengthMs / 12))
    const windows = this.#sides.map(({ tally }) => tally.endedWithin(nowMs - windowMs, nowMs))
    for (const { measure, sides } of this.#points) {
      for (const [side, window] of windows.entries()) sides[side].push(measure.of(window))
    }
    void this.#followRollout(nowMs)
  }

  /** Each step and each end of a rollout is an event. */
  async #followRollout(nowMs: number): Promise<void> {
    const state = await this.#rollout()
    if (state === undefined) return
    const text = state.phase === 'Progressing' ? `new version at ${state.weightPercent} %` : rolloutText[state.phase]
    if (text === this.#rolloutText) return
    this.#rolloutText = text
    this.#events.push({ atS: Math.round(nowMs / 1000), text })
  }

  #nowMs(): number {
    return performance.now() - this.#startMs
  }
}

const pair = ({ of }: Measure, [signalbox, baseline]: readonly Window[]): Pair => [of(signalbox), of(baseline)]
