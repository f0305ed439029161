import type { OwnServer } from './server.ts'

/** What scheduling has to weigh in whatever is measured. */
const neededScorers = ['queue-scorer', 'kv-cache-utilization-scorer', 'prefix-cache-scorer', 'lora-affinity-scorer']

/** Says in words which of the scorers have not run in these pickers, as their metrics pages tell it. */
export async function missingScorers(pickers: readonly OwnServer[]): Promise<string[]> {
  const misses: string[] = []
  for (const { name, metricsUrl } of pickers) {
    const page = await (await fetch(metricsUrl)).text()
    const used = usedScorers(page)
    misses.push(...neededScorers.filter((type) => !used.has(type)).map((type) => `${name} did not run its ${type}`))
  }
  return misses
}

/** Types of the scorers that a metrics page of an endpoint picker has times of (`…_plugin_duration_seconds`). */
export function usedScorers(page: string): Set<string> {
  const used = new Set<string>()
  for (const [, labels, count] of page.matchAll(/^\w+_plugin_duration_seconds_count\{(.*)\} (\S+)$/gm)) {
    const type = /plugin_type="([^"]*)"/.exec(labels)?.[1]
    if (type !== undefined && /extension_point="Scorer"/.test(labels) && Number(count) > 0) used.add(type)
  }
  return used
}
