import { setTimeout as sleep } from 'node:timers/promises'
import type { WriteStream } from 'node:tty'
import type { Scenario } from '../scenarios/scenario.ts'
import { eventLines, frame, plotLines, smallestFrame } from './frame.ts'
import { servePage } from './page.ts'
import { Screen } from './screen.ts'
import { Show } from './show.ts'
import { type StageOptions, startStage } from './sides.ts'
import { paintFor, progressLine, summaryLines } from './text.ts'

export type Presentation = StageOptions & {
  /** 0 takes a free one. */
  readonly pagePort: number
  /** Ends when the scenario is over; otherwise the page stays until the signal. */
  readonly once: boolean
  readonly out: WriteStream
}

/** Between two frames on a terminal, and between two lines elsewhere. */
const redrawMs = 250
const reprintMs = 5_000
/** Of the plot that stays above the summary. */
const finalPlotRows = 10

/**
 * Runs a scenario and shows it, on the terminal and on the page.
 * @returns whether it kept its promise; undefined when the signal came before it was over.
 */
export async function present(
  scenario: Scenario,
  options: Presentation,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const { out } = options
  out.write(`${scenario.title}: starting Envoy, Signalbox and ${2 * scenario.fleet.servers} model servers …\n`)
  const stage = await startStage(scenario, options)
  try {
    const show = new Show(scenario, stage, options.lengthMs)
    const page = await servePage(options.pagePort, stage.metricsUrl, () => show.feed())
    try {
      const paint = paintFor(out)
      out.write(`${scenario.says}\nPage: ${page.url}\n\n`)
      const run = Promise.race([show.run(signal), stage.broken])
      await (canDraw(out) ? draw(show, run, page.url, out) : print(show, run, out))
      const feed = show.feed()
      const plotted = canDraw(out)
        ? [...plotLines(feed, out.columns, finalPlotRows, paint), ...eventLines(feed, out.columns), '']
        : []
      out.write(`${[...plotted, ...summaryLines(feed, paint)].join('\n')}\n`)
      if (signal.aborted) return undefined
      if (!options.once) {
        out.write('The page stays until you press ctrl-C.\n')
        await Promise.race([aborted(signal), stage.broken])
      }
      return feed.verdict?.isKept
    } finally {
      await page.close()
    }
  } finally {
    await stage.stop()
  }
}

function canDraw({ isTTY, columns, rows }: WriteStream): boolean {
  return isTTY === true && process.env.TERM !== 'dumb' && columns >= smallestFrame.columns && rows >= smallestFrame.rows
}

/** Draws until the run is over. */
async function draw(show: Show, run: Promise<unknown>, pageUrl: string, out: WriteStream): Promise<void> {
  const screen = new Screen(out)
  try {
    const paint = paintFor(out)
    await every(redrawMs, run, () => {
      const feed = show.feed()
      const { timesS, lengthS, phase } = feed
      const doing = phase === 'warming up' ? 'warming up' : 'measuring'
      const status = `${Math.round(timesS.at(-1) ?? 0)} s of ${lengthS} s, ${doing} · page: ${pageUrl} · ctrl-C ends it`
      screen.draw(frame(feed, out, paint, status))
    })
  } finally {
    screen.close()
  }
}

/** Prints a line now and then, and what happens to the servers, until the run is over. */
async function print(show: Show, run: Promise<unknown>, out: WriteStream): Promise<void> {
  let told = 0
  await every(reprintMs, run, () => {
    const feed = show.feed()
    for (const { atS, text } of feed.events.slice(told)) out.write(`${`${Math.round(atS)} s`.padStart(5)}  ${text}\n`)
    told = feed.events.length
    if (feed.timesS.length > 0) out.write(`${progressLine(feed)}\n`)
  })
  out.write('\n')
}

/** Calls `act` at once and again and again until the run is over, and once more then. Rejects when the run does. */
async function every(ms: number, run: Promise<unknown>, act: () => void): Promise<void> {
  const over = new AbortController()
  const ended = run.finally(() => over.abort())
  ended.catch(() => {}) // looked at below
  while (!over.signal.aborted) {
    act()
    await sleep(ms, undefined, { signal: over.signal }).catch(() => {})
  }
  await ended
  act()
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
