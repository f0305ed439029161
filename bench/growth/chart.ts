import { LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'

/** A picture of curves, both axes logarithmic. */
export type Chart = {
  readonly title: string
  /** What it counts, and its unit. */
  readonly xTitle: string
  readonly yTitle: string
  readonly lines: readonly Line[]
}

export type Line = {
  readonly name: string
  /** Lines of the same hue belong together. */
  readonly hue: number
  readonly isDashed: boolean
  /** Above 0, as logarithms are taken. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

const widthPixels = 760
const heightPixels = 460
/** Names of lines in a row below the picture. */
const namesInRow = 3
const rowPixels = 24

/** What stands in the picture, and what it becomes where the reader prefers dark pages. */
const inks = {
  text: { light: '#24292e', dark: '#e6edf3' },
  axis: { light: '#57606b', dark: '#9198a2' },
  rule: { light: '#d8dee5', dark: '#30363e' },
  paper: { light: '#fffffe', dark: '#0d1118' },
} as const

/** Told apart on light and dark paper, and by those who do not see red and green as two. */
const hues = ['#3d85c6', '#d98324', '#2f9e77', '#9a6fc4']
const symbols = ['circle', 'triangle', 'rect', 'diamond']

use([LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])

/** The chart as the text of an SVG file. */
export function drawChart({ title, xTitle, yTitle, lines }: Chart): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: widthPixels, height: heightPixels })
  const axis = {
    type: 'log',
    nameLocation: 'middle',
    nameTextStyle: { color: inks.text.light, fontSize: 13 },
    axisLabel: { color: inks.text.light, formatter: inFull },
    axisLine: { lineStyle: { color: inks.axis.light } },
    axisTick: { lineStyle: { color: inks.axis.light } },
    splitLine: { show: true, lineStyle: { color: inks.rule.light } },
  } as const
  const names = lines.map(({ name }) => name)
  const legendRows = Array.from({ length: Math.ceil(names.length / namesInRow) }, (_, row) =>
    names.slice(row * namesInRow, (row + 1) * namesInRow),
  )
  try {
    chart.setOption({
      animation: false,
      backgroundColor: inks.paper.light,
      title: { text: title, left: 'center', top: 12, textStyle: { color: inks.text.light, fontSize: 16 } },
      legend: legendRows.map((data, row) => ({
        data,
        bottom: 12 + (legendRows.length - 1 - row) * rowPixels,
        itemWidth: 36,
        itemGap: 24,
        textStyle: { color: inks.text.light },
      })),
      grid: { left: 84, right: 28, top: 52, bottom: 68 + legendRows.length * rowPixels },
      xAxis: { ...axis, name: xTitle, nameGap: 32, ...decadesOf(lines, 0) },
      yAxis: { ...axis, name: yTitle, nameGap: 56, ...decadesOf(lines, 1) },
      series: lines.map(({ name, hue, isDashed, points }) => ({
        type: 'line',
        name,
        data: points,
        symbol: symbols[hue],
        symbolSize: 8,
        lineStyle: { color: hues[hue], type: isDashed ? 'dashed' : 'solid', width: 2 },
        // What is dashed is hollow.
        itemStyle: { color: isDashed ? inks.paper.light : hues[hue], borderColor: hues[hue], borderWidth: 2 },
      })),
    })
    return asFile(chart.renderToSVGString(), title)
  } finally {
    chart.dispose()
  }
}

/** From the power of ten below all values to the one above. */
function decadesOf(lines: readonly Line[], coordinate: 0 | 1): { readonly min: number; readonly max: number } {
  const logarithms = lines.flatMap(({ points }) => points.map((point) => Math.log10(point[coordinate])))
  return { min: 10 ** Math.floor(Math.min(...logarithms)), max: 10 ** Math.ceil(Math.max(...logarithms)) }
}

const inFull = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 3 })

/** Gives the picture its name, for those who hear it, and dark inks: a rule of a style sheet goes before an attribute. */
function asFile(svg: string, title: string): string {
  const rules = Object.values(inks).flatMap(({ light, dark }) => [
    `[fill="${light}"]{fill:${dark}}`,
    `[stroke="${light}"]{stroke:${dark}}`,
  ])
  const style = `<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`
  return `${withoutInteraction(svg).replace('>', ` role="img">\n<title>${title}</title>\n${style}`)}\n`
}

/** The library writes down for a browser what happens below its pointer; in a picture nothing does. */
function withoutInteraction(svg: string): string {
  return svg
    .replace(/<style ?><!\[CDATA\[.*?\]\]>\s*<\/style>\s*/s, '')
    .replace(/ (class|ecmeta_\w+|pointer-events)="[^"]*"/g, '')
}
