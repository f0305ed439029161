import type { Histogram } from './histogram.ts'

/** `name="value",…` with the values escaped, '' for none: written once for each series, not for each line. */
export type Labels = string

/** A metric with all its series, in the Prometheus text format. */
export type Family = {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labelNames: readonly string[]
  /** A gauge that says the same in each process of a service; what others say adds up. */
  readonly isShared?: boolean
  /** The lines of one series, or of a few, each with its line end. */
  pieces(): Iterable<string>
}

type Head = Omit<Family, 'pieces' | 'type'>

export type ScalarSample = readonly [labels: Labels, value: number]
export type HistogramSample = readonly [labels: Labels, cells: Float64Array]

/** A counter or gauge; `samples` is asked at each scrape. */
export function scalarFamily(type: 'counter' | 'gauge', head: Head, samples: () => Iterable<ScalarSample>): Family {
  const { name } = head
  return {
    ...head,
    type,
    *pieces() {
      for (const [labels, value] of samples()) {
        yield labels === '' ? `${name} ${numberText(value)}\n` : `${name}{${labels}} ${numberText(value)}\n`
      }
    },
  }
}

/** A series in which nothing was observed is left out. */
export function histogramFamily(head: Head, histogram: Histogram, samples: () => Iterable<HistogramSample>): Family {
  return {
    ...head,
    type: 'histogram',
    *pieces() {
      for (const [labels, cells] of samples()) {
        if (histogram.count(cells) > 0) yield histogramLines(head.name, labels, histogram, cells)
      }
    },
  }
}

/** A metric of the reference whose figures there are none of: it is named, and has no series. */
export function emptyFamily(type: Family['type'], head: Head): Family {
  return { ...head, type, pieces: () => [] }
}

function histogramLines(name: string, labels: Labels, { at, limits }: Histogram, cells: Float64Array): string {
  const opening = labels === '' ? `${name}_bucket{le="` : `${name}_bucket{${labels},le="`
  let text = ''
  let count = 0
  for (let i = 0; i < limits.length; i += 1) {
    count += cells[at + 1 + i]
    text += `${opening}${limits[i]}"} ${count}\n`
  }
  const of = labels === '' ? '' : `{${labels}}`
  return `${text}${name}_sum${of} ${numberText(cells[at])}\n${name}_count${of} ${count}\n`
}

/** HELP and TYPE of a family, which stand before its series. */
export function headText({ name, help, type }: Family): string {
  return `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`
}

/** A number as the text format has it. */
export function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

export function labelsOf(names: readonly string[], values: readonly (string | number)[]): Labels {
  return names.map((name, i) => `${name}="${String(values[i]).replace(/[\\\n"]/g, escaped)}"`).join(',')
}

const escaped = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`)
