import { Registry } from 'prom-client'
import { type Family, headText } from './family.ts'

/** Characters of the page that are written at once. */
const pieceChars = 65_536
/** After so long the requests have their turn. */
const maxTurnMs = 5

/**
 * The page of all metrics. Thousands of models make it tens of megabytes: it comes in pieces, between which requests are
 * served, and never stands in memory as a whole.
 */
export class MetricsPage {
  /** The process's own metrics, and counters of what is rare. */
  readonly registry = new Registry()
  readonly families: readonly Family[]
  readonly #nowMs: () => number

  constructor(families: readonly Family[], nowMs: () => number) {
    this.families = families
    this.#nowMs = nowMs
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** @param names of the families that are asked for; undefined for all */
  async *pieces(names?: ReadonlySet<string>): AsyncGenerator<string> {
    const own = await this.#registryText(names)
    // prom-client 15 writes Nan, where the format has NaN.
    if (own !== '') yield own.replaceAll(/ Nan$/gm, ' NaN')
    let turnEndsMs = this.#nowMs() + maxTurnMs
    let text = ''
    for (const family of this.families) {
      if (names?.has(family.name) === false) continue
      text += headText(family)
      for (const lines of family.pieces()) {
        text += lines
        if (this.#nowMs() > turnEndsMs) {
          await new Promise<void>((resolve) => setImmediate(resolve))
          turnEndsMs = this.#nowMs() + maxTurnMs
        }
        if (text.length < pieceChars) continue
        yield text
        text = ''
      }
    }
    if (text !== '') yield text
  }

  async #registryText(names: ReadonlySet<string> | undefined): Promise<string> {
    if (names === undefined) return this.registry.metrics()
    const texts: string[] = []
    for (const name of names) {
      if (this.registry.getSingleMetric(name) === undefined) continue
      texts.push(`${(await this.registry.getSingleMetricAsString(name)).trimEnd()}\n`)
    }
    return texts.join('')
  }

  /** The whole page. */
  async metrics(): Promise<string> {
    const pieces: string[] = []
    for await (const piece of this.pieces()) pieces.push(piece)
    return pieces.join('')
  }
}
