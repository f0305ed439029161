/**
 * The Prometheus text format, version 0.0.4, as far as finding the samples of one metric needs it:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */

/** One sample line. Its labels are read on demand, as most samples are chosen or refused without them. */
export type Sample = {
  /** Any number that the format knows, NaN and the infinities included. */
  readonly value: number
  /** -Infinity where the line has none, so that a sample with a timestamp is later. */
  readonly timestampMs: number
  /** What follows the metric's name on its line. */
  readonly text: string
}

const newline = 0x0a
const space = 0x20
const tab = 0x09
const openBrace = 0x7b

/**
 * The samples of the metric `name`, in the order of the page. Relies on the format's rule that all lines of one metric
 * stand together, so the page is searched to the first of them and no further. Lines that break the format are left out.
 */
export function samplesOf(page: Buffer, name: Buffer): Sample[] {
  const samples: Sample[] = []
  let at = findFirst(page, name)
  while (at !== -1) {
    const newlineAt = page.indexOf(newline, at)
    const lineEnd = newlineAt === -1 ? page.length : newlineAt
    const sample = parseSample(page.toString('utf8', at + name.length, lineEnd))
    if (sample !== undefined) samples.push(sample)
    at = nameAt(page, name, skipBlankBytes(page, lineEnd + 1))
  }
  return samples
}

/** Where `name` first opens a line, after blanks at most; -1 if nowhere. */
function findFirst(page: Buffer, name: Buffer): number {
  for (let found = page.indexOf(name); found !== -1; found = page.indexOf(name, found + name.length)) {
    let before = found - 1
    while (before >= 0 && isBlank(page[before])) before -= 1
    if ((before < 0 || page[before] === newline) && nameAt(page, name, found) !== -1) return found
  }
  return -1
}

/** `at` if the whole name stands there, rather than the beginning of a longer one; else -1. */
function nameAt(page: Buffer, name: Buffer, at: number): number {
  const end = at + name.length
  if (end >= page.length || !(page[end] === openBrace || isBlank(page[end]))) return -1
  return page.compare(name, 0, name.length, at, end) === 0 ? at : -1
}

function skipBlankBytes(page: Buffer, at: number): number {
  while (at < page.length && isBlank(page[at])) at += 1
  return at
}

function isBlank(byte: number): boolean {
  return byte === space || byte === tab
}

/** `{labels} value [timestamp]`; undefined where it is something else. */
function parseSample(text: string): Sample | undefined {
  const opensAt = skipBlanks(text, 0)
  let at = 0
  if (text[opensAt] === '{') {
    const end = walkLabels(text, opensAt, undefined)
    if (end === -1) return undefined
    at = end
  }
  const [value, timestamp, rest] = text
    .slice(at)
    .trim()
    .split(/[ \t]+/)
  if (value === '' || rest !== undefined) return undefined
  if (timestamp !== undefined && !Number.isFinite(Number(timestamp))) return undefined
  const timestampMs = timestamp === undefined ? Number.NEGATIVE_INFINITY : Number(timestamp)
  return { value: Number(value.replace('Inf', 'Infinity')), timestampMs, text }
}

/** The labels of a sample, by name, with the escapes of their values undone. */
export function labelsOf(sample: Sample): ReadonlyMap<string, string> {
  const labels = new Map<string, string>()
  const opensAt = skipBlanks(sample.text, 0)
  if (sample.text[opensAt] === '{') walkLabels(sample.text, opensAt, labels)
  return labels
}

const labelName = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/**
 * Walks over `{name="value",…}`, whose brace stands at `opensAt`, and collects the labels where `into` asks for them.
 * Returns the index after the closing brace, or -1 where the text breaks the format.
 */
function walkLabels(text: string, opensAt: number, into: Map<string, string> | undefined): number {
  let at = skipBlanks(text, opensAt + 1)
  while (text[at] !== '}') {
    const equalsAt = text.indexOf('=', at)
    if (equalsAt === -1) return -1
    const name = text.slice(at, equalsAt).trimEnd()
    const quoteAt = skipBlanks(text, equalsAt + 1)
    if (!labelName.test(name) || text[quoteAt] !== '"') return -1
    const closeAt = closingQuote(text, quoteAt + 1)
    if (closeAt === -1) return -1
    into?.set(name, withoutEscapes(text.slice(quoteAt + 1, closeAt)))
    at = skipBlanks(text, closeAt + 1)
    if (text[at] === ',') at = skipBlanks(text, at + 1)
    else if (text[at] !== '}') return -1
  }
  return at + 1
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from)
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1)
  return at
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0
  while (text[at - 1 - backslashes] === '\\') backslashes += 1
  return backslashes % 2 === 1
}

function withoutEscapes(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(/\\([\\"n])/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped))
}

function skipBlanks(text: string, at: number): number {
  while (text[at] === ' ' || text[at] === '\t') at += 1
  return at
}
