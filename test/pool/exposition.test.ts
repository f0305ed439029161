import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelsOf, samplesOf } from '../../src/pool/exposition.ts'

const name = Buffer.from('up')

function samples(page: string) {
  return samplesOf(Buffer.from(page), name).map((sample) => ({
    value: sample.value,
    timestampMs: sample.timestampMs,
    labels: Object.fromEntries(labelsOf(sample)),
  }))
}

function values(page: string) {
  return samples(page).map(({ value }) => value)
}

describe('samplesOf finds', () => {
  it('a metric without labels, with and without a line end', () => {
    expect(values('up 1\n')).toEqual([1])
    expect(values('up 1')).toEqual([1])
    expect(values('up{} 1')).toEqual([1])
  })

  it('a metric at the start, in the middle and at the end of a page', () => {
    expect(values('up 1\nother 2\n')).toEqual([1])
    expect(values('other 2\nup 1\nother_too 3\n')).toEqual([1])
    expect(values('other 2\nup 1\n')).toEqual([1])
  })

  it('every series of a metric', () => {
    expect(values('up{a="1"} 1\nup{a="2"} 2\nup{a="3"} 3\nother 4\n')).toEqual([1, 2, 3])
  })

  it('no longer name that begins the same, before or after', () => {
    expect(values('up_since 7\nupper{a="1"} 8\nup 1\nup_time 9\n')).toEqual([1])
  })

  it('no mention in comments, help texts, labels or other names', () => {
    const page = '# HELP up up 5\n# TYPE up gauge\n#up 6\nother{text="\\nup 7"} 2\nseems_up 3\nup 1\n'
    expect(values(page)).toEqual([1])
  })

  it('lines that begin with blanks and end with carriage returns', () => {
    expect(values('other 2\r\n \tup 1\r\n\tup{a="2"} 2\r\n')).toEqual([1, 2])
  })

  it('nothing in an empty page, or where the page breaks off after the name', () => {
    expect(values('')).toEqual([])
    expect(values('other 1\nup')).toEqual([])
    expect(values('other 1\nu')).toEqual([])
  })

  it('nothing past the end of the group: all lines of one metric stand together', () => {
    expect(values('up 1\nother 2\nup 3\n')).toEqual([1])
  })
})

describe('a sample', () => {
  it('has the numbers of the format', () => {
    const page = ['0', '1.5', '1e-05', '+3', '-2', '1.795251001e+09', '+Inf', '-Inf', 'NaN'].map((n) => `up ${n}`)
    expect(values(page.join('\n'))).toEqual([
      0,
      1.5,
      0.00001,
      3,
      -2,
      1795251001,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
    ])
  })

  it('may have a timestamp', () => {
    expect(samples('up 1 1700000000123\nup{a="2"}\t2\t-5 \nup 3')).toEqual([
      { value: 1, timestampMs: 1700000000123, labels: {} },
      { value: 2, timestampMs: -5, labels: { a: '2' } },
      { value: 3, timestampMs: Number.NEGATIVE_INFINITY, labels: {} },
    ])
  })

  it('may have blanks wherever the format allows them, and a comma after the last label', () => {
    expect(samples('up { a = "1" ,\tb="2" , } 3')).toMatchObject([{ value: 3, labels: { a: '1', b: '2' } }])
    expect(samples('up{a="1"}3')).toMatchObject([{ value: 3, labels: { a: '1' } }])
  })

  it('may have braces, quotes, commas and escapes in its label values', () => {
    expect(samples(String.raw`up{a="} 9",b="x,y=\"z\"",c="\\n \n",d="größer",e="\\"} 3`)).toMatchObject([
      { value: 3, labels: { a: '} 9', b: 'x,y="z"', c: '\\n \n', d: 'größer', e: '\\' } },
    ])
  })

  it.each([
    'up ',
    'up{} ',
    'up{a="1" 3',
    'up{a="1} 3',
    'up{a=1} 3',
    'up{a} 3',
    'up{="1"} 3',
    'up{a="1"b="2"} 3',
    'up{a"="1"} 3',
    'up 1 2 3',
    'up 1 yesterday',
  ])('that breaks the format is left out: %s', (line) => {
    expect(values(`${line}\n`)).toEqual([])
    expect(values(`up{good="1"} 1\n${line}\nup{good="2"} 2\n`)).toEqual([1, 2])
  })
})

it('reads back any labels, values and timestamps', () => {
  const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const label = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
  const series = fc.record({
    labels: fc.dictionary(label, fc.string({ unit: 'grapheme' }), { noNullPrototype: true }),
    value: fc.double({ noNaN: true, noDefaultInfinity: true }),
    timestampMs: fc.integer(),
  })
  fc.assert(
    fc.property(fc.array(series), fc.string({ unit: 'grapheme' }), (page, noise) => {
      const lines = page.map(({ labels, value, timestampMs }) => {
        const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`)
        return `up{${pairs.join(',')}} ${value} ${timestampMs}`
      })
      const other = `other{text="${escaped(noise)}"} 1`
      const read = samples([other, ...lines, other].join('\n'))
      expect(read).toEqual(page.map(({ value, ...rest }) => ({ ...rest, value: value + 0 })))
    }),
  )
})

it('survives any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 200 })
  const line = fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', '=', ',', 'a', ' ', '1', '\n', 'up') })
  fc.assert(
    fc.property(fc.array(fc.oneof(bytes, line)), (parts) => {
      const page = Buffer.concat(parts.flatMap((part) => [Buffer.from('\nup'), Buffer.from(part as string)]))
      for (const sample of samplesOf(page, name)) expect(labelsOf(sample)).toBeInstanceOf(Map)
    }),
  )
})
