import { findEnvoy } from '../../src/demo/envoy-binary.ts'
import { findParts } from '../../test/real/parts.ts'
import type { PartReport } from '../report.ts'
import type { Table } from '../table.ts'
import { measureTrace, type TracePlan } from './measure.ts'
import { defaultAnswerBody } from './pickers.ts'
import { adapterTrace, prefixTrace } from './trace.ts'

const lengths = {
  whole: { warmUpMs: 15_000, measuredMs: 75_000 },
  quick: { warmUpMs: 5_000, measuredMs: 15_000 },
}

const neededParts = ['ENVOY_GATEWAY_BIN', 'KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS', 'REFERENCE_EPP', 'LLM_SIM'] as const

/** The traces of the benchmark, each through all pickers; without one of the programs nothing, and a line that says which. */
export async function measureTraces(
  { quick, config }: { readonly quick: boolean; readonly config?: string },
  workspace: string,
  say: (line: string) => void,
): Promise<PartReport> {
  const { found, missing } = findParts(neededParts)
  let envoy: string
  try {
    envoy = await findEnvoy(process.env, say)
  } catch (error) {
    missing.push(`Envoy: ${(error as Error).message}`)
    envoy = ''
  }
  if (missing.length > 0)
    return { micro: [], tables: [], misses: [], leftOut: missing.map((what) => `traces: ${what}`) }

  const length = quick ? lengths.quick : lengths.whole
  const shared: Omit<TracePlan, 'trace' | 'pickers' | 'servers'> = {
    length,
    simulator: found.LLM_SIM,
    programs: { envoyGateway: found.ENVOY_GATEWAY_BIN, envoy },
    options: { parts: found, config, answerBody: defaultAnswerBody },
    directory: workspace,
    say,
  }
  const runs: Pick<TracePlan, 'trace' | 'pickers' | 'servers'>[] = [
    {
      trace: prefixTrace(length),
      pickers: ['random', 'reference', 'signalbox', 'signalbox × 3'],
      servers: 'llm-d-inference-sim',
    },
    { trace: prefixTrace(length), pickers: ['reference', 'signalbox'], servers: 'signalbox sim' },
    // The other kind of server has slots for adapters, but loads them in no time.
    { trace: adapterTrace(length), pickers: ['random', 'reference', 'signalbox'], servers: 'signalbox sim' },
  ]
  const tables: Table[] = []
  const misses: string[] = []
  for (const run of runs) {
    const outcome = await measureTrace({ ...shared, ...run })
    tables.push(...outcome.tables)
    misses.push(...outcome.misses)
  }
  return { micro: [], tables, misses, leftOut: [] }
}
