import { type Command, InvalidArgumentError, Option } from 'commander'
import { formatProblem, type Problem, sortProblems } from '../catalog/problem.ts'
import { keyOf } from '../kubernetes/object.ts'
import { RouteCompiler } from '../routes/compile.ts'
import type { CompiledService, Place } from '../routes/compiled.ts'
import { explain } from '../routes/printing/explanation.ts'
import { type Printout, printJson, printYaml, statusDocument } from '../routes/printing/print.ts'
import { inPrintOrder } from '../routes/printing/print-order.ts'
import { describeChoice, isSelected, parseSelector, type Selector } from '../routes/printing/selection.ts'
import { printTables } from '../routes/printing/table.ts'
import { asLine } from '../routes/printing/yaml-text.ts'
import { type ReadRoutes, readRouteSources } from '../routes/route-sources.ts'
import { readManifests } from '../sources/manifests.ts'
import { defineOmeFlags, type OmeFlags, omeConfigOf } from './ome-flags.ts'
import { readTexts } from './read-texts.ts'

type Flags = OmeFlags & {
  readonly file?: string[]
  readonly output: keyof typeof printers
  readonly only?: readonly Selector[]
  readonly explain?: boolean
}

const printers = { yaml: printYaml, json: printJson, table: printTables } as const

/** `signalbox routes`: prints what the controller would make of OME InferenceServices and AIM Engine AIMServices. */
export function define(command: Command): void {
  command
    .description(
      'Print the routes of OME InferenceServices and AIM Engine AIMServices, and the status of each service.',
    )
    .argument('[path...]', 'files or directories of manifests; - is standard input')
    .option('-f, --file <path...>', 'the same, for those who know it from kubectl (repeatable)')
    .addOption(new Option('-o, --output <format>', 'table: for people').choices(Object.keys(printers)).default('yaml'))
    .option('--only <kind/name...>', 'print these alone; also kind, kind/namespace/name (repeatable)', addSelector)
    .option('--explain', 'print what each service was compiled with, and what gave it')
    .action(async (paths: string[], flags: Flags) => {
      const files = [...(flags.file ?? []), ...paths]
      if (files.length === 0) {
        command.error('error: nothing to read: name a file or directory, or - for standard input', { exitCode: 2 })
      }
      const { stdout, stderr, exitCode } = await printRoutes(files, flags)
      process.stderr.write(stderr.map((line) => `${asLine(line)}\n`).join(''))
      process.exitCode = exitCode
      await print(stdout)
    })
  defineOmeFlags(command)
}

/** A reader such as `head` may have had enough before all is written. */
function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (error: Error) => ('code' in error && error.code === 'EPIPE' ? resolve() : reject(error))
    process.stdout.once('error', stop)
    process.stdout.write(text, (error) => {
      // The event follows.
      if (error) return
      process.stdout.off('error', stop)
      resolve()
    })
  })
}

function addSelector(text: string, others: readonly Selector[] = []): readonly Selector[] {
  const selector = parseSelector(text)
  if (selector === undefined) throw new InvalidArgumentError('It is kind, kind/name or kind/namespace/name.')
  return [...others, selector]
}

type Answer = { readonly stdout: string; readonly stderr: readonly string[]; readonly exitCode: 0 | 1 | 2 }

async function printRoutes(paths: readonly string[], flags: Flags): Promise<Answer> {
  const { texts, problems: unreadable } = await readTexts(paths)
  const manifests = texts.map(({ path, text }) => readManifests(path, text))
  const resources = manifests.flatMap((each) => each.resources)
  const read = readRouteSources(resources, omeConfigOf(flags))
  const problems: Problem[] = [...unreadable, ...manifests.flatMap((each) => each.problems), ...read.problems]
  if (problems.length > 0) {
    return { stdout: '', stderr: sortProblems(problems).map(formatProblem), exitCode: 2 }
  }
  const services = new RouteCompiler().compile(read.sources)
  const errors = services.flatMap((compiled) => describeError(compiled, read))
  const notes = [...read.notes, ...(services.length === 0 ? [nothingFound] : [])]
  const printout = select(services, read, flags)
  const isEmpty = printout.objects.length === 0 && printout.services.length === 0
  if (isEmpty && flags.only !== undefined) {
    const missed = describeChoice(flags.only, [...inPrintOrder(services), ...services.map(statusDocument)])
    return { stdout: '', stderr: [...notes, ...errors, missed], exitCode: 1 }
  }
  const stdout = printers[flags.output](printout)
  return { stdout, stderr: [...notes, ...errors], exitCode: errors.length > 0 ? 1 : 0 }
}

const nothingFound = 'there is no InferenceService (ome.io/v1beta1) and no AIMService (aim.eai.amd.com/v1alpha1)'

function select(
  services: readonly CompiledService[],
  read: ReadRoutes,
  { only, explain: isExplained }: Flags,
): Printout {
  const objects = inPrintOrder(services)
  const selected = only === undefined ? services : services.filter(({ service }) => isSelected(only, service))
  return {
    objects: only === undefined ? objects : objects.filter((object) => isSelected(only, object)),
    services: selected,
    explanations:
      isExplained === true
        ? new Map(selected.map((compiled) => [compiled, explain(compiled, (place) => placeOf(place, read))]))
        : undefined,
  }
}

/** `services.yaml:7:5: ml-team/chat: ConfigInvalid: …`. */
function describeError({ service, problem }: CompiledService, read: ReadRoutes): string[] {
  if (problem === undefined) return []
  return [`${placeOf(problem.at, read)}: ${keyOf(service)}: ${problem.reason}: ${problem.message}`]
}

function placeOf({ object, path }: Place, { origins }: ReadRoutes): string {
  return origins.get(object)?.place(path) ?? `${object.kind} ${keyOf(object)}`
}
