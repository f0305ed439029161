import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { formatProblem, type Problem } from '../catalog/problem.ts'
import { identify, type Resource } from '../catalog/resource.ts'
import { type ClientRequest, completed, defaultPath } from '../explain/client-request.ts'
import { CurlError, readCurl } from '../explain/curl.ts'
import { poolMetadata, subsetMetadata, withMetadata } from '../explain/explain-request.ts'
import type { Explanation } from '../explain/explanation.ts'
import { HarError, looksLikeHar, readHar } from '../explain/har.ts'
import { explainOffline } from '../explain/offline.ts'
import { explanationText } from '../explain/text.ts'
import { ApiError, KubeClient } from '../kubernetes/client.ts'
import { KubeconfigError, loadKubeconfig } from '../kubernetes/kubeconfig.ts'
import { viewCluster } from '../preflight/cluster.ts'
import { ConfigurationError } from '../scheduling/configuration-error.ts'
import { readEndpoints, readEndpointsFile } from '../sources/endpoints.ts'
import { readManifests } from '../sources/manifests.ts'
import { parseBoolean } from './flag-values.ts'
import { readTexts } from './read-texts.ts'

type Pairs = readonly (readonly [name: string, value: string])[]

type Flags = {
  readonly file?: string[]
  readonly endpoints?: string
  readonly kubernetes?: boolean
  readonly kubeconfig?: string
  readonly watchNamespace?: string
  readonly server?: string
  readonly tokenFile?: string
  readonly configFile?: string
  readonly unknownModel: 'route' | 'reject'
  readonly trustClientHints: boolean
  readonly scrape?: boolean
  readonly body?: string
  readonly curl?: string
  readonly har?: string
  readonly entry?: number
  readonly path?: string
  readonly method?: string
  readonly header: Pairs
  readonly metadata: Pairs
  readonly output: 'text' | 'json'
}

const examples = `
Examples:
  signalbox explain -f manifests/ --endpoints endpoints.yaml --curl "curl http://gateway/v1/chat/completions -d '{…}'"
  signalbox explain --kubernetes --body request.json
  signalbox explain --server http://127.0.0.1:9090 - < request.json

Exit status: 0 it goes to an endpoint or a route; 1 it is refused, or nothing matches; 2 something can't be read.`

/** `signalbox explain`: what becomes of one request, and why. */
export function define(command: Command): void {
  command
    .description('Say what becomes of a request, and why: every stage, from the body to the endpoint and the route.')
    .argument('[request]', '- reads the request from standard input: a body, a curl line or a HAR')
    .option('-f, --file <path...>', 'manifests: files or folders (repeatable)')
    .option('--endpoints <file>', 'model servers, as serve --endpoints takes them')
    .option('--kubernetes', 'read a cluster; files count in place of what has the same name there')
    .option(
      '--kubeconfig <file>',
      "its credentials, and read it (default: $KUBECONFIG, ~/.kube/config or the pod's own)",
    )
    .option('--watch-namespace <namespace>', 'look into this namespace alone (default: all)')
    .option('--server <url>', 'ask a running Signalbox by its metrics port, where --admin-page is on: live state')
    .option('--token-file <file>', 'a bearer token for --server, which asks for one unless it is on this machine')
    .option('--config-file <file>', 'how endpoints are picked: an EndpointPickerConfig')
    .addOption(new Option('--unknown-model <action>', 'as of serve').choices(['route', 'reject']).default('route'))
    .option('--trust-client-hints [bool]', 'as of serve', parseBoolean, true)
    .option('--scrape', 'ask the endpoints for their metrics and models')
    .option('--body <file>', 'the body of the request')
    .option('--curl <line>', 'the request as a curl command line')
    .option('--har <file>', 'the request as a browser has recorded it')
    .option('--entry <number>', 'which entry of the HAR, from 1 (default: the first POST)', parseEntry)
    .option('--path <path>', `path of the request (default: ${defaultPath})`)
    .option('--method <method>', 'method of the request (default: POST with a body, else GET)')
    .option('--header <name=value...>', 'a header of the request (repeatable)', addPair, [])
    .option(
      '--metadata <name=value...>',
      `what the proxy says: ${poolMetadata}=namespace/name, ${subsetMetadata}=ip:port,…`,
      addMetadata,
      [],
    )
    .addOption(new Option('-o, --output <format>', 'json: for tools').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples)
    .action(async (request: string | undefined, flags: Flags) => {
      try {
        const explanation = await explain(request, flags)
        const text =
          flags.output === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation)
        process.stdout.write(text)
        process.exitCode = exitCodeOf(explanation)
      } catch (error) {
        if (!isForPeople(error)) throw error
        command.error(`error: ${error.message}`, { exitCode: 2 })
      }
    })
}

/** Something that was given can't be read, for people. */
class InputError extends Error {
  override readonly name = 'InputError'
}

const isForPeople = (error: unknown): error is Error =>
  [InputError, CurlError, HarError, ConfigurationError, KubeconfigError, ApiError].some((kind) => error instanceof kind)

function exitCodeOf({ outcome }: Explanation): 0 | 1 {
  return outcome === 'refused' || outcome === 'unmatched' ? 1 : 0
}

async function explain(argument: string | undefined, flags: Flags): Promise<Explanation> {
  const { file = [], server } = flags
  if (argument !== undefined && argument !== '-') {
    throw new InputError(`${argument}: - is standard input; a file is named by --body, --har or -f`)
  }
  // A list of files takes the dash that stands behind it, too.
  const input = argument === '-' || file.includes('-') ? await buffer(process.stdin) : undefined
  const client = readClient(flags, input)
  if (server !== undefined) return askServer(server, client, flags.tokenFile)
  const paths = file.filter((path) => path !== '-')
  const readsCluster = flags.kubernetes === true || flags.kubeconfig !== undefined
  if (paths.length === 0 && !readsCluster) {
    throw new InputError(
      'nothing to explain by: name manifests (-f), a cluster (--kubernetes) or a running Signalbox (--server)',
    )
  }
  const { resources, endpoints } = await readFiles(paths, flags.endpoints)
  const cluster = readsCluster ? await viewOf(flags) : undefined
  return explainOffline(client, {
    resources: [...resources, ...without(cluster?.resources ?? [], resources)],
    endpoints: cluster === undefined ? endpoints : [...cluster.endpoints, ...(endpoints ?? [])],
    configuration:
      flags.configFile === undefined
        ? undefined
        : { name: flags.configFile, text: readFile(flags.configFile).toString() },
    rejectsUnknownModels: flags.unknownModel === 'reject',
    trustsHints: flags.trustClientHints,
    scrapes: flags.scrape === true,
    cluster,
  })
}

/** The request: of a curl line, of a HAR, or of its body, with what the flags say beside it. */
function readClient(flags: Flags, input: Buffer | undefined): ClientRequest {
  const given = [flags.body, flags.curl, flags.har, input].filter((each) => each !== undefined)
  if (given.length > 1) throw new InputError('--body, --curl, --har or standard input: one of them')
  const base = readBase(flags, input)
  const set = new Set(flags.header.map(([name]) => name))
  const client: ClientRequest = {
    ...base,
    method: flags.method?.toUpperCase() ?? base.method,
    path: flags.path ?? base.path,
    headers: [...base.headers.filter(([name]) => !set.has(name)), ...flags.header],
  }
  return { ...completed(client), ...withMetadata(Object.fromEntries(flags.metadata)) }
}

function readBase({ body, curl, har, entry }: Flags, input: Buffer | undefined): ClientRequest {
  if (curl !== undefined) return readCurl(curl, readFile)
  if (har !== undefined) return readHar(readFile(har).toString(), entry)
  const text = input?.toString() ?? ''
  if (/^\s*([$>%]\s+)?curl\s/.test(text)) return readCurl(text, readFile)
  if (looksLikeHar(text)) return readHar(text, entry)
  const bytes = input ?? (body === undefined ? Buffer.alloc(0) : readFile(body))
  return { method: bytes.length > 0 ? 'POST' : 'GET', path: defaultPath, headers: [], body: bytes }
}

function readFile(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    throw new InputError(`${path}: ${(error as Error).message}`)
  }
}

async function readFiles(paths: readonly string[], endpointsFile: string | undefined) {
  const { texts, problems: unreadable } = await readTexts(paths)
  const manifests = texts.map(({ path, text }) => readManifests(path, text))
  const lists = manifests.flatMap((each) => each.endpointLists).map((list) => readEndpoints(list, 'warning'))
  if (endpointsFile !== undefined) lists.push(readEndpointsFile(endpointsFile, readFile(endpointsFile).toString()))
  const problems = [
    ...unreadable,
    ...manifests.flatMap((each) => each.problems),
    ...lists.flatMap((list) => list.problems),
  ]
  const errors = problems.filter(({ severity }: Problem) => severity === 'error')
  if (errors.length > 0) throw new InputError(errors.map(formatProblem).join('\n'))
  const endpoints = lists.length === 0 ? undefined : lists.flatMap((list) => [...(list.endpoints?.values() ?? [])])
  return { resources: manifests.flatMap((each) => each.resources), endpoints }
}

async function viewOf({ kubeconfig, watchNamespace }: Flags) {
  try {
    return await viewCluster(new KubeClient(await loadKubeconfig(kubeconfig)), watchNamespace)
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw new InputError(`Kubernetes API: ${error.message}`)
    throw error
  }
}

/** Those that have none of the same kind and name among `others`. */
function without(resources: readonly Resource[], others: readonly Resource[]): Resource[] {
  const names = new Set(others.map((each) => identify(each, 'default')))
  return resources.filter((each) => !names.has(identify(each, 'default')))
}

async function askServer(
  server: string,
  { method, path, headers, body, poolHint, subset }: ClientRequest,
  tokenFile: string | undefined,
): Promise<Explanation> {
  const metadata = {
    ...(poolHint === undefined ? {} : { [poolMetadata]: poolHint }),
    ...(subset === undefined ? {} : { [subsetMetadata]: subset.join(',') }),
  }
  const asked = { method, path, headers: Object.fromEntries(headers), bodyBase64: body.toString('base64'), metadata }
  const authorization =
    tokenFile === undefined ? {} : { authorization: `Bearer ${readFile(tokenFile).toString().trim()}` }
  const url = `${server.replace(/\/$/, '')}/explain`
  let response: Response
  try {
    const json = { 'content-type': 'application/json', accept: 'application/json' }
    const init = { method: 'POST', headers: { ...json, ...authorization }, redirect: 'error' as const }
    response = await fetch(url, { ...init, body: JSON.stringify(asked) })
  } catch (error) {
    const { cause, message } = error as Error
    throw new InputError(`${url}: ${cause instanceof Error ? cause.message : message}`)
  }
  const text = await response.text()
  if (response.status === 404)
    throw new InputError(`${url}: 404; is it the metrics port of a Signalbox that serves with --admin-page?`)
  const hint = response.status === 401 && tokenFile === undefined ? ' (--token-file names a file with a token)' : ''
  if (!response.ok) throw new InputError(`${url}: ${response.status}: ${text.trim()}${hint}`)
  try {
    return JSON.parse(text) as Explanation
  } catch {
    throw new InputError(`${url}: the answer is no explanation; is it the metrics port of a Signalbox?`)
  }
}

function parseEntry(value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new InvalidArgumentError('It is a whole number from 1.')
  return Number(value)
}

/** `name=value`, or `Name: value` as curl has it. */
function addPair(text: string, others: Pairs): Pairs {
  const match = /^\s*([^=:\s]+)\s*[=:]\s*(.*)$/s.exec(text)
  if (match === null) throw new InvalidArgumentError('It is name=value.')
  return [...others, [match[1].toLowerCase(), match[2]]]
}

function addMetadata(text: string, others: Pairs): Pairs {
  const pairs = addPair(text, others)
  const [name] = pairs.at(-1)!
  if (name !== poolMetadata && name !== subsetMetadata) {
    throw new InvalidArgumentError(`It is ${poolMetadata} or ${subsetMetadata}.`)
  }
  return pairs
}
