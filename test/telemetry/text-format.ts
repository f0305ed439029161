/** A strict reader of the Prometheus text format 0.0.4: it takes nothing that the format does not say. */

export type ParsedSample = {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export type ParsedFamily = {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly ParsedSample[]
}

const number = String.raw`[+-]?Inf|NaN|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?`
const sampleLine = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (${number})$`)
const labelPattern = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)/y
const types = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped'])

/** @throws Error that names the line */
export function parsePage(page: string): Map<string, ParsedFamily> {
  if (!page.endsWith('\n')) throw new Error('the page does not end with a line end')
  const families = new Map<string, { name: string; help: string; type: string; samples: ParsedSample[] }>()
  const seen = new Set<string>()
  let family: { name: string; help: string; type: string; samples: ParsedSample[] } | undefined
  for (const line of page.slice(0, -1).split('\n')) {
    if (line === '') continue
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (help !== null) {
      if (families.has(help[1])) throw new Error(`${help[1]} stands twice`)
      family = { name: help[1], help: help[2], type: '', samples: [] }
      families.set(family.name, family)
    } else if (type !== null) {
      if (family?.name !== type[1] || family.type !== '') throw new Error(`TYPE without its HELP: ${line}`)
      if (!types.has(type[2])) throw new Error(`no type: ${line}`)
      family.type = type[2]
    } else {
      const sample = parseSample(line)
      if (family === undefined || !belongs(sample.name, family)) throw new Error(`not of ${family?.name}: ${line}`)
      const key = line.slice(0, line.lastIndexOf(' '))
      if (seen.has(key)) throw new Error(`the series stands twice: ${line}`)
      seen.add(key)
      family.samples.push(sample)
    }
  }
  for (const each of families.values()) if (each.type === 'histogram') checkHistogram(each)
  return families
}

function parseSample(line: string): ParsedSample {
  const match = sampleLine.exec(line)
  if (match === null) throw new Error(`no sample: ${line}`)
  const labels: Record<string, string> = {}
  const text = match[2] ?? ''
  labelPattern.lastIndex = 0
  while (labelPattern.lastIndex < text.length) {
    const label = labelPattern.exec(text)
    if (label === null) throw new Error(`no labels: ${line}`)
    if (label[1] in labels) throw new Error(`a label stands twice: ${line}`)
    labels[label[1]] = label[2].replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character))
  }
  return { name: match[1], labels, value: Number(match[3].replace('Inf', 'Infinity')) }
}

function belongs(name: string, family: { name: string; type: string }): boolean {
  if (family.type !== 'histogram') return name === family.name
  return ['_bucket', '_sum', '_count'].some((ending) => name === family.name + ending)
}

/** Each series: buckets that grow, the last of which is +Inf and equals the count; one sum. */
function checkHistogram({ name, samples }: ParsedFamily): void {
  const series = new Map<string, { limits: number[]; counts: number[]; sum?: number; count?: number }>()
  for (const sample of samples) {
    const { le, ...rest } = sample.labels
    const key = JSON.stringify(rest)
    const its = series.get(key) ?? { limits: [], counts: [] }
    series.set(key, its)
    if (sample.name.endsWith('_sum')) its.sum = sample.value
    else if (sample.name.endsWith('_count')) its.count = sample.value
    else {
      its.limits.push(Number((le as string).replace('Inf', 'Infinity')))
      its.counts.push(sample.value)
    }
  }
  for (const [key, { limits, counts, sum, count }] of series) {
    const grows = (values: number[], strictly: boolean) =>
      values.every((value, i) => i === 0 || value > values[i - 1] || (!strictly && value === values[i - 1]))
    const isWhole = sum !== undefined && counts.at(-1) === count && limits.at(-1) === Number.POSITIVE_INFINITY
    if (!isWhole || !grows(limits, true) || !grows(counts, false)) throw new Error(`no histogram: ${name} ${key}`)
  }
}
