import type { Endpoint } from '../pool/endpoint.ts'
import type { Plugin } from '../scheduling/plugin.ts'
import type { Lessons } from './messages.ts'

/** What plugins learn between two reports and is more than this is not handed on: at full load the rest says most of it. */
const maxLessons = 256

/** Hands what the plugins of one process learn of requests to their likes in the others. */
export class Teaching {
  readonly #plugins: readonly Plugin[]
  /** By the place of the plugin. */
  readonly #learned = new Map<number, unknown[]>()
  #count = 0

  /** @param onLesson called when there is something to {@link take} */
  constructor(plugins: readonly Plugin[], onLesson: () => void) {
    this.#plugins = plugins
    for (const [place, plugin] of plugins.entries()) {
      plugin.onLesson?.((lesson) => {
        if (this.#count >= maxLessons) return
        this.#count += 1
        const lessons = this.#learned.get(place)
        if (lessons === undefined) this.#learned.set(place, [lesson])
        else lessons.push(lesson)
        onLesson()
      })
    }
  }

  /** What was learned since the last time. */
  take(): Lessons[] {
    const lessons = [...this.#learned]
    this.#learned.clear()
    this.#count = 0
    return lessons
  }

  /** Another process, with the same configuration, has learned that. */
  learn(lessons: readonly Lessons[], endpointAt: (address: string) => Endpoint | undefined): void {
    for (const [place, each] of lessons) {
      for (const lesson of each) this.#plugins[place].learn?.(lesson, endpointAt)
    }
  }
}
