import type { Random } from '../../sim/random.ts'
import type { Sim, SimOptions } from '../../sim/sim.ts'
import type { ScenarioEvent, ScenarioVerdict } from '../scenario-feed.ts'
import type { Measure } from './measures.ts'

/** A minute of traffic that shows one thing that Signalbox does, beside a baseline that gets the same traffic. */
export type Scenario = {
  /** As `--scenario` takes it. */
  readonly name: string
  readonly title: string
  /** For the help of the command; at most 64 characters. */
  readonly summary: string
  /** What is shown and against what: two or three short sentences. */
  readonly says: string
  /** Of each side; both have as many servers, and the same. */
  readonly fleet: { readonly servers: number; readonly options: Omit<SimOptions, 'name' | 'port' | 'onRequest'> }
  readonly signalbox: Picker
  readonly baseline: Baseline
  /** How long caches are cold; that does not count in the summary. Of short runs two fifths at most. */
  readonly warmUpMs: number
  /** A client gives up when nothing comes for so long. */
  readonly patienceMs: number
  /** The requests of `lengthMs`, in the order of their times. */
  readonly requests: (lengthMs: number, random: Random) => ScenarioRequest[]
  /** What happens to the servers of each side. */
  readonly incidents: readonly Incident[]
  /** Plotted; the first one in the terminal. */
  readonly series: readonly Measure[]
  readonly figures: readonly Measure[]
  /**
   * @param measured each side's value of a measure over the measured time, Signalbox's first
   * @param events what has happened
   */
  readonly judge: (measured: (measure: Measure) => Pair, events: readonly ScenarioEvent[]) => ScenarioVerdict
}

export type Pair = readonly [number | null, number | null]

/** A Signalbox of a side's own. */
export type Picker = {
  /** Manifests beside the InferencePool `demo`, which has all servers of the side. */
  readonly resources: (lengthMs: number) => readonly object[]
  /** An EndpointPickerConfig; the default one without. */
  readonly configuration?: string
  /** Whether `signalbox rollout drive` runs beside it. */
  readonly drivesRollouts?: boolean
}

export type Baseline = { readonly name: string } & (
  | { readonly kind: 'round robin' }
  | { readonly kind: 'picker'; readonly picker: Picker }
)

export type ScenarioRequest = {
  /** Since the start. */
  readonly atMs: number
  /** Made when it is sent: the texts of a minute would fill the memory. */
  readonly body: () => string
  readonly headers?: Readonly<Record<string, string>>
  /** Which of several kinds of clients sends it, for measures that tell them apart. */
  readonly group?: string
}

export type Incident = {
  /** When, as a share of the whole time. */
  readonly atShare: number
  readonly text: string
  /** @param servers those of one side. */
  readonly act: (servers: readonly Sim[]) => unknown
}

/** The event of a rollout that has taken its target back. */
export const rolledBackText = 'rolled back'

/** Which user a request is of, for scenarios that have users. */
export const userHeader = 'x-user'

export const model = 'qwen'
/** Labels of the fleet's servers. */
export const fleetLabels = { app: model }

export const inferenceGroup = 'inference.networking.k8s.io'
export const poolRef = { group: inferenceGroup, kind: 'InferencePool', name: 'demo' }
