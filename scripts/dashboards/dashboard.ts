/** The part of Grafana's dashboard model (schema 39, Grafana 11 and later) that our dashboards are made of. */

export type Unit = 'short' | 'reqps' | 'percentunit' | 's' | 'bytes' | 'Bps' | 'none' | 'bool'

/** One query of a panel. */
export type Query = {
  /** PromQL; `$job`, `$pool`, `$model` are the dashboard's variables, `$__rate_interval` Grafana's. */
  readonly expr: string
  /** Labels as `{{label}}`. */
  readonly legend: string
}

export type Panel = {
  readonly title: string
  /** What it shows, and what to make of it. */
  readonly description: string
  /** `plot`: over time. `stat`: a number. `table`: a row for each series, with its labels, and its last value if that has a unit. */
  readonly kind: 'plot' | 'stat' | 'table'
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** Of the 24 columns of a dashboard. */
  readonly width: number
  /** Values from which it is yellow and red; what is bad when low begins at `red` and has no yellow above it. */
  readonly yellow?: number
  readonly red?: number
  /** Red below {@link red} instead of above it. */
  readonly isBadWhenLow?: boolean
  /** Areas on top of each other: parts of a whole. */
  readonly isStacked?: boolean
  readonly max?: number
}

export type Row = { readonly title: string; readonly panels: readonly Panel[] }

export type Variable = {
  readonly name: string
  readonly label: string
  /** `label_values(metric{…}, label)` */
  readonly query: string
}

export type Dashboard = {
  /** The name of its file, and its id in Grafana. */
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly variables: readonly Variable[]
  readonly rows: readonly Row[]
}

const columns = 24
const heights = { plot: 8, stat: 4, table: 8 } as const
const datasource = { type: 'prometheus', uid: '$datasource' }

/** The JSON that Grafana imports. @throws Error where panels do not fill their row, or one is wider than it */
export function grafanaJson(dashboard: Dashboard): string {
  const { uid, title, description } = dashboard
  const model = {
    uid,
    title,
    description,
    tags: ['signalbox'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    time: { from: 'now-1h', to: 'now' },
    refresh: '30s',
    timezone: '',
    annotations: { list: [] },
    links: [
      {
        type: 'dashboards',
        title: 'Signalbox',
        tags: ['signalbox'],
        icon: 'dashboard',
        tooltip: '',
        targetBlank: false,
        asDropdown: false,
        includeVars: true,
        keepTime: true,
      },
    ],
    templating: { list: [datasourceVariable, ...dashboard.variables.map(queryVariable)] },
    panels: [...placed(dashboard.rows)],
  }
  return `${JSON.stringify(model, undefined, 2)}\n`
}

const datasourceVariable = {
  type: 'datasource',
  name: 'datasource',
  label: 'Prometheus',
  query: 'prometheus',
  hide: 0,
}

const queryVariable = ({ name, label, query }: Variable) => ({
  type: 'query',
  name,
  label,
  datasource,
  query: { query, refId: name },
  // When the time range changes: what was there an hour ago may be gone.
  refresh: 2,
  sort: 1,
  multi: true,
  includeAll: true,
  allValue: '.*',
  current: { text: ['All'], value: ['$__all'] },
  hide: 0,
})

/** Rows one below the other, their panels from left to right. */
function* placed(rows: readonly Row[]) {
  let id = 1
  let y = 0
  for (const { title, panels } of rows) {
    yield { id: id++, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: columns, h: 1 }, panels: [] }
    y += 1
    let x = 0
    for (const panel of panels) {
      const height = heights[panel.kind]
      if (x + panel.width > columns) throw new Error(`${title}: ${panel.title} does not fit beside the others`)
      yield { id: id++, ...panelModel(panel), gridPos: { x, y, w: panel.width, h: height } }
      x = (x + panel.width) % columns
      if (x === 0) y += height
    }
    if (x !== 0) throw new Error(`${title}: the panels do not fill their row`)
  }
}

function panelModel(panel: Panel) {
  const { title, description, kind, queries } = panel
  const common = {
    title,
    description,
    datasource,
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode(65 + i),
      datasource,
      expr,
      legendFormat: legend,
      ...(kind === 'table' ? { instant: true, range: false, format: 'table' } : { range: true }),
    })),
  }
  switch (kind) {
    case 'plot':
      return { ...common, type: 'timeseries', fieldConfig: fieldConfig(panel, plotStyle(panel)), options: plotOptions }
    case 'stat':
      return { ...common, type: 'stat', fieldConfig: fieldConfig(panel, {}), options: statOptions }
    case 'table':
      return { ...common, type: 'table', fieldConfig: fieldConfig(panel, tableStyle), ...tableView(panel) }
  }
}

function fieldConfig({ unit, max, yellow, red, isBadWhenLow, kind }: Panel, custom: object) {
  const steps: { color: string; value: number | null }[] = isBadWhenLow
    ? [{ color: 'red', value: null }]
    : [{ color: 'green', value: null }]
  if (isBadWhenLow && red !== undefined) steps.push({ color: 'green', value: red })
  if (!isBadWhenLow && yellow !== undefined) steps.push({ color: 'yellow', value: yellow })
  if (!isBadWhenLow && red !== undefined) steps.push({ color: 'red', value: red })
  return {
    defaults: {
      unit,
      min: 0,
      ...(max === undefined ? {} : { max }),
      color: { mode: kind === 'plot' ? 'palette-classic' : 'thresholds' },
      thresholds: { mode: 'absolute', steps },
      custom,
    },
    overrides: [],
  }
}

const plotStyle = ({ isStacked, red }: Panel) => ({
  drawStyle: 'line',
  lineWidth: 1,
  fillOpacity: isStacked ? 30 : 5,
  showPoints: 'never',
  // A gap is a scrape that failed.
  spanNulls: false,
  stacking: { mode: isStacked ? 'normal' : 'none', group: 'A' },
  thresholdsStyle: { mode: red === undefined ? 'off' : 'dashed' },
})

const plotOptions = {
  legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
  tooltip: { mode: 'multi', sort: 'desc' },
}

const statOptions = {
  reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
  colorMode: 'value',
  graphMode: 'area',
  textMode: 'auto',
  justifyMode: 'auto',
  orientation: 'auto',
  wideLayout: true,
}

const tableStyle = { align: 'auto', cellOptions: { type: 'color-text' }, inspect: false }

const tableView = ({ unit }: Panel) => ({
  options: {
    showHeader: true,
    cellHeight: 'sm',
    footer: { show: false, reducer: ['sum'], countRows: false, fields: '' },
  },
  transformations: [
    {
      id: 'organize',
      options: { excludeByName: { Time: true, Value: unit === 'none' }, indexByName: {}, renameByName: {} },
    },
  ],
})
