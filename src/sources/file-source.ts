import { isDeepStrictEqual } from 'node:util'
import { type FSWatcher, watch } from 'chokidar'
import { emptyCatalog } from '../catalog/catalog.ts'
import { type Compiled, type CompileOptions, compileCatalog } from '../catalog/compile.ts'
import { formatProblem, type Problem } from '../catalog/problem.ts'
import type { Resource } from '../catalog/resource.ts'
import { type EndpointsState, gather, nextEndpointsState, nextPathStates, type PathState } from './file-state.ts'
import { PathError, type ReadFile, readOneFile, readPath } from './paths.ts'
import { Settling } from './settling.ts'
import { ProblemReport, type Snapshot, type Source, SourceError, type SourceListener } from './source.ts'

export type FileSourceOptions = Pick<CompileOptions, 'onlyPool' | 'defaultNamespace'> & {
  /** Files and directories of Kubernetes manifests. */
  readonly paths: readonly string[]
  /** A file with `endpoints: [...]`; without one there are no endpoints. */
  readonly endpointsFile?: string | undefined
  /** A change is read when all has been quiet for so many milliseconds, as writers rarely write a file in one go. */
  readonly quietMs?: number
  /** A file that has become shorter is read as it was until it has stood so for so many milliseconds ({@link Settling}). */
  readonly settleMs?: number
  /**
   * Milliseconds between readings without an event, for what no event tells of: a link swapped further up, a network
   * file system. They cost little, as a file whose text is the same is not parsed again.
   */
  readonly rereadMs?: number
}

const defaultQuietMs = 100
const defaultSettleMs = 1_000
const defaultRereadMs = 5_000

/** Reads Kubernetes manifests and an endpoints file, and again whenever they change on disk. */
export class FileSource implements Source {
  readonly #options: FileSourceOptions
  readonly #listener: SourceListener
  readonly #namespace: string
  readonly #settling: Settling

  #paths: ReadonlyMap<string, PathState> = new Map()
  #endpoints: EndpointsState | undefined
  #fileProblems: readonly Problem[] = []
  #resources: readonly Resource[] = []
  #compiled: Compiled | undefined
  #snapshot: Snapshot = { catalog: emptyCatalog, endpoints: [] }
  readonly #report: ProblemReport

  #watcher: FSWatcher | undefined
  #watchProblem: Problem | undefined
  #quiet: NodeJS.Timeout | undefined
  #reread: NodeJS.Timeout | undefined
  #settled: NodeJS.Timeout | undefined
  /** Readings run one after another, each from the state that the one before has left. */
  #reading: Promise<void> = Promise.resolve()
  #closed = false

  constructor(options: FileSourceOptions, listener: SourceListener) {
    this.#options = options
    this.#listener = listener
    this.#report = new ProblemReport((change) => listener.onProblems(change))
    this.#namespace = options.defaultNamespace ?? 'default'
    this.#settling = new Settling(options.settleMs ?? defaultSettleMs)
  }

  /**
   * Reads once. Invalid resources and endpoints are reported and left out.
   * @throws SourceError when a path or the endpoints file can't be read, or the latter holds no list
   */
  async initial(): Promise<Snapshot> {
    await this.#read()
    const failures = [...this.#paths.values()].flatMap((path) => path.failures)
    if (this.#endpoints !== undefined && this.#endpoints.endpoints === undefined)
      failures.push(...this.#endpoints.problems)
    if (failures.length > 0) throw new SourceError(failures.map(formatProblem).join('\n'))
    this.#compile()
    this.#reportProblems()
    return this.#snapshot
  }

  /** Reads once as {@link initial} does, and tells the listener of every change after that. */
  async start(): Promise<Snapshot> {
    const snapshot = await this.initial()
    const { paths, endpointsFile, rereadMs = defaultRereadMs } = this.#options
    const watched = endpointsFile === undefined ? paths : [...paths, endpointsFile]
    this.#watcher = watch([...watched], { depth: 0, ignoreInitial: true, atomic: false })
      .on('all', () => this.#changed())
      // Finds what has changed between the first reading and now.
      .on('ready', () => this.#changed())
      .on('error', (error) => this.#watchFailed(error))
    this.#reread = setInterval(() => this.#update(), rereadMs).unref()
    return snapshot
  }

  get compiled(): Compiled | undefined {
    return this.#compiled
  }

  /** Ends watching. The listener hears nothing more. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#quiet)
    clearInterval(this.#reread)
    clearTimeout(this.#settled)
    await this.#watcher?.close()
    await this.#reading
  }

  #changed(): void {
    clearTimeout(this.#quiet)
    const { quietMs = defaultQuietMs } = this.#options
    if (!this.#closed) this.#quiet = setTimeout(() => this.#update(), quietMs)
  }

  #watchFailed(error: unknown): void {
    const message = `can't be watched, changes show up late: ${error instanceof Error ? error.message : String(error)}`
    this.#watchProblem = { severity: 'warning', place: this.#options.paths.join(', '), path: '', message }
    this.#changed()
  }

  #update(): void {
    this.#reading = this.#reading.then(async () => {
      await this.#read()
      if (this.#closed) return
      if (this.#compile()) this.#listener.onSnapshot(this.#snapshot)
      this.#reportProblems()
    })
  }

  async #read(): Promise<void> {
    const { paths, endpointsFile } = this.#options
    const nowMs = performance.now()
    const seen = new Set<string>()
    const settledText = (path: string, text: string): string => {
      seen.add(path)
      return this.#settling.textOf(path, text, nowMs)
    }
    const settled = (file: ReadFile): ReadFile =>
      'text' in file ? { ...file, text: settledText(file.path, file.text) } : file
    const readSettled = async (path: string) => {
      const { isDirectory, files } = await readPath(path)
      return { isDirectory, files: files.map(settled) }
    }
    const read = new Map(
      await Promise.all(paths.map(async (path) => [path, await orFailure(readSettled(path))] as const)),
    )
    this.#paths = nextPathStates(read, this.#paths, this.#namespace)
    if (endpointsFile !== undefined) {
      const text = await orFailure(readOneFile(endpointsFile).then((text) => settledText(endpointsFile, text)))
      this.#endpoints = nextEndpointsState(endpointsFile, text, this.#endpoints)
    }
    this.#settling.keepOnly(seen)
    this.#lookAgainWhenSettled()
  }

  #lookAgainWhenSettled(): void {
    clearTimeout(this.#settled)
    const waitMs = this.#settling.waitMs(performance.now())
    if (waitMs !== undefined && !this.#closed) this.#settled = setTimeout(() => this.#update(), waitMs)
  }

  /** True when the snapshot has changed. What is the same in it stays the same object. */
  #compile(): boolean {
    const { resources, problems } = gather(this.#paths, this.#namespace)
    this.#fileProblems = problems
    if (this.#compiled === undefined || !haveSameItems(resources, this.#resources)) {
      this.#resources = resources
      this.#compiled = compileCatalog(resources, { ...this.#options, previous: this.#compiled })
    }
    const before = this.#snapshot
    const next = { catalog: this.#compiled.catalog, endpoints: [...(this.#endpoints?.endpoints?.values() ?? [])] }
    const catalog = isDeepStrictEqual(next.catalog, before.catalog) ? before.catalog : next.catalog
    const endpoints = isDeepStrictEqual(next.endpoints, before.endpoints) ? before.endpoints : next.endpoints
    if (catalog === before.catalog && endpoints === before.endpoints) return false
    this.#snapshot = { catalog, endpoints }
    return true
  }

  #reportProblems(): void {
    this.#report.update([
      ...this.#fileProblems,
      ...(this.#compiled?.problems ?? []),
      ...(this.#endpoints?.problems ?? []),
      ...(this.#watchProblem === undefined ? [] : [this.#watchProblem]),
    ])
  }
}

async function orFailure<T>(read: Promise<T>): Promise<T | PathError> {
  try {
    return await read
  } catch (error) {
    if (error instanceof PathError) return error
    throw error
  }
}

function haveSameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
