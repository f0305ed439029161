import { type Command, InvalidArgumentError } from 'commander'
import { formatProblem } from '../catalog/problem.ts'
import { systemClock } from '../clock.ts'
import { ApiError, KubeClient } from '../kubernetes/client.ts'
import { KubeconfigError, loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { drivenResource, idleResource, statesOf } from '../rollout/driven.ts'
import { type DrivenResource, driverLimits } from '../rollout/driver.ts'
import { FileRollouts } from '../rollout/file-rollouts.ts'
import { annotate, type FoundRollouts, rolloutsInCluster } from '../rollout/in-cluster.ts'
import { rolloutAnnotations } from '../rollout/plan.ts'
import { parseProgress, type RolloutProgress } from '../rollout/progress.ts'
import { httpPages } from '../rollout/replicas.ts'
import { type RolloutKind, stateKey } from '../rollout/state.ts'
import { StateFile } from '../rollout/state-file.ts'
import { idleLines, statusLines } from '../rollout/status-text.ts'
import { readManifests } from '../sources/manifests.ts'
import { createLog } from '../telemetry/log.ts'
import { parseVerbosity } from './flag-values.ts'
import { readTexts } from './read-texts.ts'
import { runUntilTold } from './run-until-told.ts'

/** Namespace of resources in files that name none. */
const defaultNamespace = 'default'

/** `signalbox rollout`: what people do with rollouts of target models, and what drives those of files. */
export function define(command: Command): void {
  defineStatus(command.command('status'))
  for (const verb of ['pause', 'resume', 'abort'] as const) defineVerb(command.command(verb), verb)
  defineDrive(command.command('drive'))
}

type SourceFlags = {
  readonly file?: readonly string[]
  readonly kubeconfig?: string
  readonly namespace?: string
}

const addSourceFlags = (command: Command): Command =>
  command
    .option('-f, --file <path...>', 'manifests, the ConfigMap of the states among them (default: a cluster)')
    .option('--kubernetes', 'in a cluster: what it does without --file')
    .option(
      '--kubeconfig <file>',
      'its credentials (default: KUBECONFIG, ~/.kube/config, or the service account of the pod)',
    )

function defineStatus(command: Command): void {
  addSourceFlags(command)
    .description('Say how far each rollout is, and what keeps it from going on.')
    .argument('[name]', 'this one alone: NAME or KIND/NAME')
    .option('-n, --namespace <namespace>', 'of this namespace alone (default: all)')
    .option('-w, --watch', 'print it again every two seconds')
    .action(async (name: string | undefined, flags: SourceFlags & { readonly watch?: boolean }) => {
      await saying(command, async () => {
        const read = await reader(flags)
        for (;;) {
          const { rollouts, idle } = await read()
          const found = {
            rollouts: rollouts.filter(([resource]) => isMeant(resource, name, flags.namespace)),
            idle: idle.filter((resource) => isMeant(resource, name, flags.namespace)),
          }
          if (flags.watch && process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H')
          process.stdout.write(statusText(found))
          if (!flags.watch) {
            process.exitCode = found.rollouts.length === 0 ? 1 : 0
            return
          }
          await new Promise((resolve) => setTimeout(resolve, driverLimits.intervalMs))
        }
      })
    })
}

function statusText({ rollouts, idle }: FoundRollouts): string {
  const blocks = [
    ...rollouts.map(([{ rollout, ...resource }, progress]) =>
      statusLines({ ...resource, plan: rollout?.plan, progress }, systemClock.epochMs()),
    ),
    ...idle.map(idleLines),
  ]
  if (blocks.length === 0) return `no rollout: no resource has the annotation ${rolloutAnnotations.steps}\n`
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function isMeant(
  { kind, name, namespace }: Omit<DrivenResource, 'rollout'>,
  wanted: string | undefined,
  inNamespace?: string,
): boolean {
  if (inNamespace !== undefined && namespace !== inNamespace) return false
  if (wanted === undefined || wanted === name) return true
  const named = parseTarget(wanted)
  return named !== undefined && named.kind === kind && named.name === name
}

/** What reads the rollouts again and again. */
async function reader({ file, kubeconfig, namespace }: SourceFlags): Promise<() => Promise<FoundRollouts>> {
  if (file !== undefined) return () => readFiles(file)
  const client = new KubeClient(await loadKubeconfig(kubeconfig))
  return () => rolloutsInCluster(client, namespace)
}

async function readFiles(paths: readonly string[]): Promise<FoundRollouts> {
  const { resources } = await readResources(paths)
  const states = new Map<string, string>()
  for (const resource of resources) {
    const metadata = resource.object.metadata as { namespace?: string } | undefined
    for (const [key, text] of Object.entries(statesOf(resource) ?? {})) {
      states.set(`${metadata?.namespace ?? defaultNamespace} ${key}`, text)
    }
  }
  const rollouts = resources.flatMap((resource) => {
    const driven = drivenResource(resource, defaultNamespace)
    if (driven === undefined) return []
    const text = states.get(`${driven.namespace} ${stateKey(driven.kind, driven.name)}`)
    return [[driven, text === undefined ? undefined : parseProgress(text)] as const]
  })
  const idle = resources.map((resource) => idleResource(resource, defaultNamespace))
  return { rollouts, idle: idle.filter((each) => each !== undefined) }
}

async function readResources(paths: readonly string[]) {
  const { texts, problems } = await readTexts(paths)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  return { texts, resources: texts.flatMap(({ path, text }) => readManifests(path, text).resources) }
}

type Verb = 'pause' | 'resume' | 'abort'

const descriptions: Readonly<Record<Verb, string>> = {
  pause: 'Let a rollout stay where it is. Its limits go on to hold.',
  resume: 'Let a rollout go on; one that was rolled back or aborted begins anew.',
  abort: 'Give the target of a rollout no requests any more, from any step and after the last one.',
}

type Target = { readonly kind: RolloutKind; readonly name: string }

function defineVerb(command: Command, verb: Verb): void {
  addSourceFlags(command)
    .description(descriptions[verb])
    .argument('<kind/name>', 'inferencemodel/NAME or inferencemodelrewrite/NAME', (text) => {
      const target = parseTarget(text)
      if (target !== undefined) return target
      throw new InvalidArgumentError('It is inferencemodel/NAME or inferencemodelrewrite/NAME.')
    })
    .option('-n, --namespace <namespace>', 'its namespace (default: that of the kubeconfig, else "default")')
    .action(async (target: Target, flags: SourceFlags) => {
      await saying(command, () =>
        flags.file === undefined ? inCluster(verb, target, flags) : inFiles(verb, target, flags),
      )
    })
}

const rolloutKinds: Readonly<Record<string, RolloutKind>> = {
  inferencemodel: 'InferenceModel',
  inferencemodelrewrite: 'InferenceModelRewrite',
}

/** `inferencemodel/chat`, also in the plural and in any case. */
function parseTarget(text: string): Target | undefined {
  const [kindText, name, ...rest] = text.split('/')
  const kind = rolloutKinds[kindText.toLowerCase().replace(/s$/, '')]
  return kind === undefined || !name || rest.length > 0 ? undefined : { kind, name }
}

async function inCluster(verb: Verb, target: Target, flags: SourceFlags): Promise<void> {
  const client = new KubeClient(await loadKubeconfig(flags.kubeconfig))
  const namespace = flags.namespace ?? client.namespace ?? defaultNamespace
  const found = await rolloutsInCluster(client, namespace)
  const [resource, progress] = theOne(found, target, namespace)
  await annotate(client, resource, annotationsFor(verb, progress))
  process.stdout.write(`${nameOf(target)} in ${namespace}: ${doneText(verb, progress)}\n`)
}

async function inFiles(verb: Verb, target: Target, { file, namespace = defaultNamespace }: SourceFlags): Promise<void> {
  const [, progress] = theOne(await readFiles(file!), target, namespace)
  const { resources } = await readResources(file!)
  const resource = resources.find((each) => {
    const driven = drivenResource(each, defaultNamespace)
    return driven?.kind === target.kind && driven.name === target.name && driven.namespace === namespace
  })!
  const place = resource.origin.place(['metadata', 'annotations'])
  const lines = Object.entries(annotationsFor(verb, progress)).map(([name, value]) =>
    value === null ? `take away  ${name}` : `set        ${name}: ${JSON.stringify(value)}`,
  )
  process.stdout.write(`${nameOf(target)} is in a file, which is yours to change. At ${place}, under annotations:\n`)
  process.stdout.write(lines.map((line) => `  ${line}\n`).join(''))
}

function theOne({ rollouts, idle }: FoundRollouts, { kind, name }: Target, namespace: string) {
  const isIt = (each: Omit<DrivenResource, 'rollout'>) =>
    each.kind === kind && each.name === name && each.namespace === namespace
  const one = rollouts.find(([each]) => isIt(each))
  if (one !== undefined) return one
  const why = idle.find(isIt)?.why
  const others = rollouts.map(([each]) => nameOf(each))
  const hint =
    why ?? (others.length === 0 ? `nothing there has ${rolloutAnnotations.steps}` : `there is ${others.join(', ')}`)
  throw new Error(`no rollout of ${nameOf({ kind, name })} in ${namespace}: ${hint}`)
}

const nameOf = ({ kind, name }: Target): string => `${kind.toLowerCase()}/${name}`

const isOver = (progress: RolloutProgress | undefined): boolean =>
  progress?.phase === 'RolledBack' || progress?.phase === 'Aborted'

function annotationsFor(verb: Verb, progress: RolloutProgress | undefined): Readonly<Record<string, string | null>> {
  const { state, restartedAt } = rolloutAnnotations
  switch (verb) {
    case 'pause':
      return { [state]: 'paused' }
    case 'abort':
      return { [state]: 'aborted' }
    case 'resume': {
      const time = `${new Date(systemClock.epochMs()).toISOString().slice(0, 19)}Z`
      return { [state]: null, ...(isOver(progress) && { [restartedAt]: time }) }
    }
  }
}

function doneText(verb: Verb, progress: RolloutProgress | undefined): string {
  switch (verb) {
    case 'pause':
      return 'paused'
    case 'abort':
      return 'aborted'
    case 'resume':
      return isOver(progress) ? 'begins anew' : 'goes on'
  }
}

type DriveFlags = {
  readonly file: readonly string[]
  readonly replica: readonly string[]
  readonly state: string
  readonly tokenFile?: string
  readonly v: number
}

function defineDrive(command: Command): void {
  command
    .description('Drive the rollouts of resources in files, as signalbox controller does in a cluster.')
    .requiredOption('-f, --file <path...>', 'manifests with the resources, read again and again')
    .requiredOption(
      '--replica <url...>',
      'metrics ports of all replicas of signalbox serve: http://127.0.0.1:9090',
      parseUrls,
    )
    .requiredOption('--state <file>', 'where the state is kept: a manifest that all replicas have to read, too')
    .option('--token-file <file>', 'bearer token for the metrics of replicas elsewhere')
    .option('-v, --v <level>', 'log verbosity: 0 info, 3 debug, 5 trace', parseVerbosity, 0)
    .action((flags: DriveFlags) => saying(command, () => drive(flags)))
}

function parseUrls(text: string, others: readonly string[] = []): readonly string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It is a URL such as http://127.0.0.1:9090.')
  }
  return [...others, url.origin]
}

async function drive(flags: DriveFlags): Promise<void> {
  const log = createLog(flags.v)
  await readResources(flags.file)
  const rollouts = new FileRollouts({
    manifests: () => readTexts(flags.file),
    replicas: flags.replica.map((url) => ({ id: url, name: url, url })),
    fetchPage: httpPages(flags.tokenFile),
    stateFile: new StateFile(flags.state),
    defaultNamespace,
    clock: systemClock,
  })
  await runUntilTold(async () => {
    let hasEnded = false
    let timer: NodeJS.Timeout | undefined
    const told = new Map<string, string>()
    let failure = ''
    const look = async () => {
      try {
        await rollouts.look()
        failure = ''
      } catch (error) {
        const { message } = error as Error
        if (message !== failure) log.warn({ state: flags.state }, message)
        failure = message
      }
      for (const [{ kind, namespace, name }, { phase, message }] of rollouts.states()) {
        const resource = `${kind} ${namespace}/${name}`
        if (told.get(resource) === message) continue
        told.set(resource, message)
        log[phase === 'RolledBack' ? 'warn' : 'info']({ resource, phase }, message)
      }
      if (!hasEnded) timer = setTimeout(look, driverLimits.intervalMs)
    }
    log.info({ replicas: flags.replica, state: flags.state }, 'driving rollouts')
    const looking = look()
    return async () => {
      hasEnded = true
      clearTimeout(timer)
      await looking
    }
  }, log)
}

/** What a user can mend is said in a line. */
async function saying(command: Command, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    const isExpected =
      error instanceof ApiError || error instanceof KubeconfigError || (error as Error).constructor === Error
    if (!isExpected) throw error
    command.error(`error: ${(error as Error).message}`, { exitCode: 1 })
  }
}
