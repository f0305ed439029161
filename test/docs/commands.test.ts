import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Gateway, startGateway } from '../../src/demo/gateway.ts'
import { helm } from '../deploy/helm.ts'
import { envoy } from '../e2e/envoy.ts'
import type { KubeApi } from '../real/kube-api.ts'
import { findParts } from '../real/parts.ts'
import { type Block, blocksOf, type Command, commandsOf, documents } from './blocks.ts'
import { leftOut, pictures } from './left-out.ts'
import { isShown } from './output.ts'
import { makeCheckout, type Outcome, runCommands, type Surroundings, saveFiles } from './shell.ts'
import { furnish, playControllers, startSite } from './site.ts'

const run = promisify(execFile)
const pathOf = (program: string): Promise<string | undefined> =>
  run('which', [program]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  )

const { found, missing } = findParts(['KUBEBUILDER_ASSETS', 'SIGNALBOX_CRDS'])
const kubectl = process.env.KUBECTL_BIN ?? (await pathOf('kubectl'))
const curl = await pathOf('curl')
const lacks = [
  ...missing,
  ...(envoy === undefined ? ['Envoy'] : []),
  ...(helm === undefined ? ['Helm 3, as HELM_BIN or on PATH'] : []),
  ...(kubectl === undefined ? ['kubectl, as KUBECTL_BIN or on PATH'] : []),
  ...(curl === undefined ? ['curl on PATH'] : []),
]
if (lacks.length > 0) console.log(`skipped: the commands of the documents need ${lacks.join('; ')}`)

const blocks = documents.flatMap((document) => blocksOf(document))
const isLeftOut = ({ text }: Command) => leftOut.some(({ pattern }) => pattern.test(text))
const commands = blocks.flatMap((block) => commandsOf(block) ?? [])
const shown = documents.map((document) => ({
  document,
  commands: commands.filter((command) => command.document === document && !isLeftOut(command)),
}))

/** What a document takes from the network comes from a folder beside the tests. */
const offline = (text: string) =>
  text.replaceAll(/https:\/\/github\.com\/kubernetes-sigs\/gateway-api-inference-extension\/\S+/g, () =>
    join(found.SIGNALBOX_CRDS, 'gie'),
  )

const isPicture = ([document, begin]: (typeof pictures)[number], block: Block) =>
  block.document === document && block.text.trimStart().startsWith(begin)

test('every block is code, shows commands, or is a picture', () => {
  const others = blocks.filter((block) => commandsOf(block) === undefined)
  const isKnown = (block: Block) =>
    ['yaml', 'json', 'mermaid'].includes(block.language) || pictures.some((picture) => isPicture(picture, block))
  expect(others.filter((block) => !isKnown(block)).map(({ document, line }) => `${document}:${line}`)).toEqual([])
})

test('what is left out is there', () => {
  expect(leftOut.filter(({ pattern }) => !commands.some(({ text }) => pattern.test(text)))).toEqual([])
  expect(pictures.filter((picture) => !blocks.some((block) => isPicture(picture, block)))).toEqual([])
})

describe.skipIf(lacks.length > 0)('the commands of', () => {
  const ends: (() => unknown)[] = []
  let folder: string
  let gateway: Gateway
  let api: KubeApi

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-docs-'))
    ends.push(() => rmSync(folder, { recursive: true, force: true }))
    gateway = await startGateway({ envoy: envoy!, modes: ['full-duplex'], serveFlags: ['--admin-page'] })
    ends.push(() => gateway.stop())
    api = await startSite(found.KUBEBUILDER_ASSETS, found.SIGNALBOX_CRDS, join(folder, 'api'))
    ends.push(() => api.stop())
    const controllers = playControllers(api)
    ends.push(() => controllers.stop())
    await furnish(kubectl!, api)
  })
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
  })

  const surroundings = (own: string): Surroundings => ({
    folder: own,
    ports: new Map([
      [8080, Number(new URL(gateway.urls.get('full-duplex')!).port)],
      [9090, Number(new URL(gateway.metricsUrl).port)],
    ]),
    environment: {
      KUBECONFIG: api.kubeconfig,
      KUBE_EDITOR: 'true',
      // One for all documents: kubectl keeps there what kinds the API serves.
      HOME: folder,
      // Each command compiles the same sources: halves what it costs.
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
    },
    programs: { curl: curl!, envoy: envoy!, helm: helm!, kubectl: kubectl! },
  })

  test.for(shown.filter(({ commands }) => commands.length > 0))('$document', async ({ document, commands }) => {
    const own = mkdtempSync(join(folder, document.replaceAll(/\W/g, '-')))
    const here = surroundings(own)
    const home = await makeCheckout(here)
    saveFiles(home, blocksOf(document))
    await prepare(commands)
    const offlined = commands.map((command) => ({ ...command, text: offline(command.text) }))
    const outcomes = await runCommands(home, offlined, here)
    for (const program of [gateway.signalbox, ...gateway.envoys])
      if (!program.running) throw new Error(`${program.name} ended: ${await program.ended}\n${program.lastLines()}`)
    expect(
      outcomes
        .filter((outcome) => !isAsShown(outcome))
        .map(describeOutcome)
        .join('\n\n'),
    ).toBe('')
  })

  /** Takes away what documents before this one have left in its way, and installs the release that it goes on from. */
  async function prepare(commands: readonly Command[]): Promise<void> {
    const text = commands.map(({ text }) => text).join('\n')
    if (!/helm|kubectl|--kubernetes/.test(text)) return
    if (text.includes('signalbox routes')) {
      for (const namespace of ['ml-team', 'research']) {
        const kinds = 'httproutes,securitypolicies'
        await run(kubectl!, ['--kubeconfig', api.kubeconfig, 'delete', kinds, '--all', '--namespace', namespace])
      }
    }
    const command = (...args: string[]) => run(helm!, [...args, '--kubeconfig', api.kubeconfig])
    const { stdout } = await command('list', '--short', '--namespace', 'default')
    const releases = stdout.split('\n').filter((name) => name !== '')
    const installs = /helm (upgrade --install|install) signalbox /.test(text)
    const others = releases.filter((name) => name !== 'signalbox' || installs)
    for (const name of others) await command('uninstall', name, '--namespace', 'default')
    if (!installs && !releases.includes('signalbox'))
      await command('install', 'signalbox', 'deploy/helm/signalbox', '--namespace', 'default')
  }
})

const isAsShown = ({ command, exitCode, printed }: Outcome) =>
  command.output === undefined ? exitCode === 0 : isShown(command.output, printed)

function describeOutcome({ command, exitCode, printed }: Outcome): string {
  return `${command.document}:${command.line}: ${command.text}\nexit code ${exitCode}, printed:\n${printed.trim()}`
}
