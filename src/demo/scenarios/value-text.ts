import type { Unit } from '../scenario-feed.ts'

/** A value as people read it, with its unit: `94 ms`, `3.2 s`, `75 %`, `1,204`; `–` for none. */
export function valueText(value: number | null, unit: Unit): string {
  if (value === null) return '–'
  switch (unit) {
    case 'ms':
      return value < 999.5 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`
    case '%':
      return `${value === 0 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1)} %`
    case '/s':
      return `${value.toFixed(1)}/s`
    case '':
      return grouped(value)
  }
}

const grouped = (value: number) => Math.round(value).toLocaleString('en-US')
