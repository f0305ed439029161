import { findEnvoy } from '../src/demo/envoy-binary.ts'
import { findParts } from '../test/real/parts.ts'
import { measureEndToEnd, referencePair, subject, type Target } from './e2e.ts'
import { measureGateways } from './envoy/envoy.ts'
import { startGateways } from './envoy/gateways.ts'
import { hasWrk } from './envoy/wrk.ts'
import { loadGenerator } from './load.ts'
import { startEcho } from './peers/echo-server.ts'
import { type OwnFleet, startFleet } from './peers/fleet.ts'
import { referenceParts, startReference } from './peers/reference.ts'
import { missingScorers } from './peers/scorers.ts'
import type { OwnServer, Server } from './peers/server.ts'
import { startSignalbox } from './peers/signalbox.ts'
import type { Part, PartReport } from './report.ts'
import { measureResponses } from './responses/responses.ts'

export type ServersPlan = {
  readonly wants: (part: Part) => boolean
  readonly quick: boolean
  /** ext_proc servers that run already. */
  readonly peers: readonly Server[]
  readonly directory: string
  readonly say: (line: string) => void
}

type Reports = Partial<Record<Part, PartReport>>

/** What is measured, and what of it are endpoint pickers that were started here. */
type Targets = { readonly signalbox: OwnServer; readonly targets: Target[]; readonly pickers: OwnServer[] }

/** Stops what was started, last first. */
type Closers = (() => Promise<void>)[]

/** The parts that send the same load to signalbox and its peers: starts them all, measures, stops them. */
export async function measureServers(plan: ServersPlan): Promise<Reports> {
  const { wants, quick, say } = plan
  const closers: Closers = []
  const leftOut: string[] = []
  const reports: Reports = {}
  try {
    say('starting signalbox and its peers')
    const fleet = await startFleet()
    closers.push(fleet.stop)
    const { signalbox, targets, pickers } = await startTargets(plan, fleet, closers, leftOut)
    if (wants('e2e')) {
      const { EPLOAD } = findParts(['EPLOAD']).found
      const echo = await startEcho(signalbox)
      closers.push(echo.stop)
      const outcome = await measureEndToEnd({
        targets,
        echo: { name: echo.name, servers: [echo] },
        generator: loadGenerator(EPLOAD),
        quick,
        say,
      })
      reports.e2e = reportOf(leftOut, outcome.tables, [...outcome.misses, ...(await missingScorers(pickers))])
    }
    if (wants('responses')) {
      const [{ servers: own }, pair] = targets
      const reference = pair?.name === referencePair ? pair.servers[1] : undefined
      const outcome = await measureResponses({ subject: own[0], reference, quick, say })
      reports.responses = reportOf(leftOut, outcome.tables, outcome.misses)
    }
    if (wants('envoy')) reports.envoy = await measureBehindEnvoy(plan, targets, fleet, leftOut)
    return reports
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

const reportOf = (leftOut: readonly string[], tables: PartReport['tables'], misses: readonly string[]): PartReport => ({
  micro: [],
  tables,
  misses,
  leftOut: [...leftOut],
})

async function startTargets(
  { peers, directory }: ServersPlan,
  fleet: OwnFleet,
  closers: Closers,
  leftOut: string[],
): Promise<Targets> {
  const signalbox = await startSignalbox(fleet, directory)
  closers.push(signalbox.stop)
  const targets: Target[] = [{ name: subject, servers: [signalbox] }]
  const pickers = [signalbox]

  const { found, missing } = findParts(referenceParts)
  if (missing.length === 0) {
    const reference = await startReference(found, fleet, directory)
    closers.push(reference.stop)
    targets.push({ name: referencePair, servers: [reference.router, reference.picker] })
    pickers.push(reference.picker)
  } else {
    leftOut.push(...missing.map((what) => `${referencePair}: ${what}`))
  }
  targets.push(...peers.map((server) => ({ name: server.name, servers: [server] })))
  return { signalbox, targets, pickers }
}

async function measureBehindEnvoy(
  { quick, directory, say }: ServersPlan,
  targets: readonly Target[],
  fleet: OwnFleet,
  leftOutBefore: readonly string[],
): Promise<PartReport> {
  const { found, missing } = findParts(['ENVOY_GATEWAY_BIN'])
  if (!(await hasWrk())) missing.push('wrk is not on PATH; it is the package wrk of most distributions')
  const envoy = await findEnvoy(process.env, say).catch((error: Error) => {
    missing.push(`Envoy: ${error.message}`)
    return ''
  })
  const leftOut = [...leftOutBefore, ...missing]
  if (missing.length > 0) return reportOf(leftOut, [], [])

  const chains = [{ name: 'no ext_proc', servers: [] }, ...targets]
  const programs = { envoyGateway: found.ENVOY_GATEWAY_BIN, envoy }
  const { gateways, envoyPid, stop } = await startGateways(programs, chains, fleet, directory)
  try {
    const { tables, misses } = await measureGateways({ gateways, envoyPid, modelServersPid: fleet.pid, quick, say })
    return reportOf(leftOut, tables, misses)
  } finally {
    await stop()
  }
}
