import type { SchedulingConfiguration } from '../scheduling/configuration.ts'
import type { Filter, Picker, Plugin, PrefixMatches, Scorer } from '../scheduling/plugin.ts'
import { createProfile, type Profile } from '../scheduling/profile.ts'
import type { Scheduler } from '../scheduling/scheduler.ts'
import { buckets } from './buckets.ts'
import { type Family, histogramFamily, labelsOf } from './family.ts'
import { histogramSet } from './histogram.ts'
import { entryOf } from './series-index.ts'

/** One request in so many has its plugins timed: two readings of the clock cost more than most plugins. */
export const sampleEvery = 16

const histograms = histogramSet({
  schedulingSeconds: buckets.schedulingSeconds,
  hitRatio: buckets.ratio,
  hitBytes: buckets.prefixBytes,
})
const { seconds: pluginSeconds, size: pluginCells } = histogramSet({ seconds: buckets.schedulingSeconds })

const pluginLabelNames = ['extension_point', 'plugin_type', 'plugin_name'] as const
type ExtensionPoint = 'Filter' | 'Scorer' | 'Picker'

/** How long scheduling takes, as a whole and by plugin, and how much of prompts is found in caches. */
export class SchedulingTimes {
  readonly #nowMs: () => number
  readonly #cells = new Float64Array(histograms.size)
  /** By the labels of the plugin. */
  readonly #plugins = new Map<string, Float64Array>()
  #requests = 0
  #isSampled = false

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** The same configuration, whose profiles are timed. Its plugins stay as they are. */
  timed(configuration: SchedulingConfiguration): SchedulingConfiguration {
    const profiles = new Map([...configuration.profiles].map(([name, profile]) => [name, this.#timedProfile(profile)]))
    return { ...configuration, profiles }
  }

  /** The same scheduler, whose decisions are timed. `producers` of its configuration tell of prompts in caches. */
  timedScheduler(scheduler: Scheduler, producers: readonly Plugin[]): Scheduler {
    const matches = producers.find(isPrefixMatches)
    return {
      ...scheduler,
      schedule: (request, candidates, random) => {
        this.#requests += 1
        this.#isSampled = this.#requests % sampleEvery === 0
        const startMs = this.#nowMs()
        const scheduled = scheduler.schedule(request, candidates, random)
        histograms.schedulingSeconds.observe(this.#cells, (this.#nowMs() - startMs) / 1000)
        const totalBytes = matches?.totalBytes() ?? 0
        if (totalBytes > 0 && scheduled.endpoints.length > 0) {
          const hitBytes = matches!.matchedBytes(scheduled.endpoints[0])
          histograms.hitBytes.observe(this.#cells, hitBytes)
          histograms.hitRatio.observe(this.#cells, hitBytes / totalBytes)
        }
        return scheduled
      },
    }
  }

  /** @param prefix `inference_extension` or `llm_d_epp` */
  families(prefix: string): Family[] {
    const plain = (name: string, help: string, histogram: (typeof histograms)['hitRatio']): Family =>
      histogramFamily({ name: `${prefix}_${name}`, help, labelNames: [] }, histogram, () => [['', this.#cells]])
    return [
      plain('scheduler_e2e_duration_seconds', 'Seconds of one scheduling decision.', histograms.schedulingSeconds),
      histogramFamily(
        {
          name: `${prefix}_plugin_duration_seconds`,
          help: `Seconds that plugins took in one scheduling decision; one in ${sampleEvery} is measured.`,
          labelNames: pluginLabelNames,
        },
        pluginSeconds,
        () => this.#plugins,
      ),
      plain(
        'prefix_indexer_hit_ratio',
        'Share of the prompt that the chosen endpoint is thought to have in its cache.',
        histograms.hitRatio,
      ),
      plain(
        'prefix_indexer_hit_bytes',
        'Bytes of the prompt that the chosen endpoint is thought to have in its cache.',
        histograms.hitBytes,
      ),
    ]
  }

  #timedProfile({ filters, scorers, picker }: Profile): Profile {
    return createProfile({
      filters: filters.map((filter) => this.#timedFilter(filter)),
      scorers: scorers.map(({ scorer, weight }) => ({ scorer: this.#timedScorer(scorer), weight })),
      picker: this.#timedPicker(picker),
    })
  }

  #timedFilter(filter: Filter): Filter {
    const cells = this.#cellsOf('Filter', filter)
    return {
      type: filter.type,
      filter: (request, candidates, random) => {
        if (!this.#isSampled) return filter.filter(request, candidates, random)
        const startMs = this.#nowMs()
        const fit = filter.filter(request, candidates, random)
        pluginSeconds.observe(cells, (this.#nowMs() - startMs) / 1000)
        return fit
      },
    }
  }

  #timedScorer(scorer: Scorer): Scorer {
    const cells = this.#cellsOf('Scorer', scorer)
    return {
      type: scorer.type,
      score: (request, candidates, scores) => {
        if (!this.#isSampled) return scorer.score(request, candidates, scores)
        const startMs = this.#nowMs()
        scorer.score(request, candidates, scores)
        pluginSeconds.observe(cells, (this.#nowMs() - startMs) / 1000)
      },
    }
  }

  #timedPicker(picker: Picker): Picker {
    const cells = this.#cellsOf('Picker', picker)
    return {
      type: picker.type,
      pick: (candidates, scores, random) => {
        if (!this.#isSampled) return picker.pick(candidates, scores, random)
        const startMs = this.#nowMs()
        const picked = picker.pick(candidates, scores, random)
        pluginSeconds.observe(cells, (this.#nowMs() - startMs) / 1000)
        return picked
      },
    }
  }

  /** Plugins are not told the name that their configuration gives them: in plugin_name stands the type, its default. */
  #cellsOf(point: ExtensionPoint, { type }: Plugin): Float64Array {
    return entryOf(this.#plugins, labelsOf(pluginLabelNames, [point, type, type]), () => new Float64Array(pluginCells))
  }
}

const isPrefixMatches = (plugin: Plugin): plugin is PrefixMatches => 'matchedBytes' in plugin && 'totalBytes' in plugin
