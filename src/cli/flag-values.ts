import { InvalidArgumentError } from 'commander'

/** `true` or `false`; a flag without a value is true, as in Go's flag packages. */
export function parseBoolean(value: string): boolean {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw new InvalidArgumentError('It is true or false.')
}

export function parsePort(value: string): number {
  const port = parseWhole(value)
  if (port === undefined || port > 65_535) throw new InvalidArgumentError('It is a port, 0 to 65535.')
  return port
}

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  k: 1e3,
  M: 1e6,
  G: 1e9,
}

/** A Kubernetes quantity of bytes: `20Mi`, `512Ki`, `1000000`. */
export function parseBytes(value: string): number {
  const match = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|k|M|G|)$/.exec(value)
  const bytes = match === null ? Number.NaN : Number(match[1]) * byteUnits[match[2]]
  if (!Number.isSafeInteger(bytes) || bytes <= 0) throw new InvalidArgumentError('It is a size such as 20Mi or 524288.')
  return bytes
}

/** Such a quantity in the largest binary unit that it is a whole number of. */
export function bytesText(bytes: number): string {
  const unit = ['Gi', 'Mi', 'Ki'].find((unit) => bytes % byteUnits[unit] === 0) ?? ''
  return `${bytes / byteUnits[unit]}${unit}`
}

const durationUnitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A Go duration in milliseconds: `50ms`, `1.5s`, `1m30s`. */
export function parseDurationMs(value: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) throw new InvalidArgumentError('It is a duration such as 50ms or 30s.')
  let totalMs = 0
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(amount) * durationUnitsMs[unit]
  }
  return totalMs
}

/** Such a duration in whole seconds, or in milliseconds. */
export const durationText = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`)

/** Go's `-v=3` reaches us as `=3`. */
export function parseVerbosity(value: string): number {
  const verbosity = parseWhole(value.replace(/^=/, ''))
  if (verbosity === undefined) throw new InvalidArgumentError('It is a whole number from 0.')
  return verbosity
}

/** More than machines have cores. */
const maxWorkers = 256

export function parseWorkers(value: string): number {
  const workers = parseWhole(value)
  if (!workers || workers > maxWorkers)
    throw new InvalidArgumentError(`It is a number of processes, 1 to ${maxWorkers}.`)
  return workers
}

/** Number() alone would take '' for 0 and '1e3' for 1000. */
const parseWhole = (value: string): number | undefined => (/^\d+$/.test(value) ? Number(value) : undefined)

/** `0.01`: a share, 0 to 1. */
export function parseShare(value: string): number {
  const share = /^(\d+(\.\d*)?|\.\d+)$/.test(value) ? Number(value) : Number.NaN
  if (!(share >= 0 && share <= 1)) throw new InvalidArgumentError('It is a share from 0 to 1, such as 0.01.')
  return share
}

/** `app=qwen,tier=gpu`: labels and their values. */
export function parseLabels(value: string): readonly (readonly [label: string, value: string])[] {
  return value.split(',').map((pair) => {
    const [label, text, ...rest] = pair.trim().split('=')
    if (label === '' || text === undefined || rest.length > 0) {
      throw new InvalidArgumentError('It is key=value pairs with commas between them.')
    }
    return [label, text] as const
  })
}

/** `8000,8001`: one to eight ports. */
export function parsePorts(value: string): readonly number[] {
  const ports = value.split(',').map((text) => parsePort(text.trim()))
  if (ports.length > 8 || ports.includes(0)) throw new InvalidArgumentError('It is 1 to 8 ports, 1 to 65535.')
  return ports
}

/** `namespace/name` of an object. */
export function parseNamespacedName(value: string): { readonly namespace: string; readonly name: string } {
  const [namespace, name, ...rest] = value.split('/')
  if (!namespace || !name || rest.length > 0) throw new InvalidArgumentError('It is namespace/name.')
  return { namespace, name }
}
