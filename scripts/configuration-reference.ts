// Writes docs/configuration.md from the schemas and the tables of flags: node scripts/configuration-reference.ts
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, type Option } from 'commander'
import type { z } from 'zod'
import {
  adapterMap,
  httpRoute,
  modelV1alpha2,
  objectiveV1alpha2,
  poolV1,
  poolV1alpha2,
  rewriteV1alpha2,
} from '../src/catalog/schema.ts'
import type { CommandModule } from '../src/cli/command.ts'
import { rolloutState } from '../src/rollout/state.ts'
import { kindsByType } from '../src/scheduling/plugins.ts'
import { endpoint } from '../src/sources/endpoints.ts'
import { namedSettings } from './reference/annotations.ts'
import { environment } from './reference/environment.ts'
import { code, type Field, fieldsOf } from './reference/fields.ts'

const root = join(import.meta.dirname, '..')
export const target = 'docs/configuration.md'

/** By heading: apiVersion and kind, or what an object is. */
const resources: readonly (readonly [heading: string, schema: z.ZodType])[] = [
  ['InferencePool, inference.networking.k8s.io/v1', poolV1],
  ['InferencePool, inference.networking.x-k8s.io/v1alpha2', poolV1alpha2],
  ['InferenceModel, inference.networking.x-k8s.io/v1alpha2', modelV1alpha2],
  ['InferenceObjective, inference.networking.x-k8s.io/v1alpha2 and llm-d.ai/v1alpha2', objectiveV1alpha2],
  ['InferenceModelRewrite, inference.networking.x-k8s.io/v1alpha2 and llm-d.ai/v1alpha2', rewriteV1alpha2],
  ['HTTPRoute, gateway.networking.k8s.io/v1 and v1beta1', httpRoute],
  ['ConfigMap of adapters, v1', adapterMap],
]

/** The whole page. */
export async function configurationReference(): Promise<string> {
  const parts = [
    '# Configuration',
    '<!-- Made by node scripts/configuration-reference.ts from the schemas: change those. -->',
    `All that can be set, with types, defaults and limits. What each is good for stands elsewhere: [flags, headers and metrics](reference.md),
[plugins](scheduling.md), [values of the chart](install.md#values), [services of OME and AIM Engine](routes.md).`,
    '- [Commands](#commands)\n- [Resources](#resources)\n- [Annotations and labels](#annotations-and-labels)\n- [Endpoints file](#endpoints-file)\n- [Plugins](#plugins)\n- [Environment variables](#environment-variables)',
    '## Commands',
    'A value stands behind its flag, after a blank or `=`. `[bool]` may be left out, and is true then. Flags of the reference endpoint picker that mean nothing here are accepted, too.',
    ...(await commandParts()),
    '## Resources',
    'Fields that are read. An unknown one of a pool or a model is reported; other kinds may have more. `x[]` is each item of a list; what is required is so where that is there in which it stands.',
    '### metadata of all of them',
    fieldTable(fieldsOf(poolV1).filter(({ path }) => path.startsWith('metadata.'))),
    ...resources.flatMap(([heading, schema]) => [`### ${heading}`, fieldTable(ownFieldsOf(schema))]),
    '### ConfigMap of rollouts, v1',
    `Its values, under the keys \`inferencemodel.NAME\` and \`inferencemodelrewrite.NAME\`, are JSON. Who drives rollouts writes it.`,
    fieldTable(fieldsOf(rolloutState)),
    '## Annotations and labels',
    table(
      ['name', 'on', 'values', 'what it means'],
      namedSettings.map(({ name, on, values, meaning }) => [code(name), on, values, meaning]),
    ),
    '## Endpoints file',
    'The file of `--endpoints`: `endpoints:` and a list of these.',
    fieldTable(fieldsOf(endpoint)),
    '## Plugins',
    'Parameters in an EndpointPickerConfig. Durations are text such as `200ms` or `1h30m`.',
    pluginTable(),
    `Without parameters: ${[...kindsByType]
      .filter(([, kind]) => fieldsOf(kind.parameters).length === 0)
      .map(([type]) => code(type))
      .sort()
      .join(', ')}.`,
    '## Environment variables',
    table(
      ['variable', 'what it is for'],
      environment.map(([name, meaning]) => [code(name), meaning]),
    ),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Without metadata, which is the same everywhere, and what a heading says. */
const ownFieldsOf = (schema: z.ZodType): Field[] =>
  fieldsOf(schema).filter(({ path }) => !path.startsWith('metadata.') && path !== 'apiVersion' && path !== 'kind')

async function commandParts(): Promise<string[]> {
  // Defaults are those of a machine where nothing is set.
  delete process.env.NAMESPACE
  const folder = join(root, 'src', 'cli')
  const parts: string[] = []
  for (const file of readdirSync(folder).sort()) {
    const module = (await import(join(folder, file))) as Partial<CommandModule>
    if (module.define === undefined) continue
    const command = new Command(file.replace(/\.ts$/, ''))
    module.define(command)
    parts.push(...partsOf(command, `signalbox ${command.name()}`))
  }
  return parts
}

/** A command's flags, then those of the commands below it. */
function partsOf(command: Command, name: string): string[] {
  const help = command.createHelp()
  const options = help.visibleOptions(command).filter(({ long }) => long !== '--help')
  const named = help.visibleArguments(command).map((argument) => [code(argument.name()), '', argument.description])
  const rows = [...named, ...options.map((option) => [code(option.flags), defaultOf(option), meaningOf(option)])]
  const own = rows.length === 0 ? [] : [`### ${name}`, table(['flag', 'default', 'what it is'], rows)]
  const below = help.visibleCommands(command).filter((each) => each.name() !== 'help')
  return [...own, ...below.flatMap((each) => partsOf(each, `${name} ${each.name()}`))]
}

function defaultOf({ defaultValue, defaultValueDescription, negate }: Option): string {
  const value = defaultValueDescription ?? defaultValue
  return value === undefined || negate ? '' : code(String(value))
}

function meaningOf({ description, argChoices }: Option): string {
  const choices = argChoices === undefined ? '' : ` (${argChoices.map(code).join(', ')})`
  return `${description}${choices}`
}

function pluginTable(): string {
  const kinds = [...kindsByType].sort(([a], [b]) => (a < b ? -1 : 1))
  return table(
    ['plugin', 'parameter', 'type', 'default', 'allowed'],
    kinds.flatMap(([type, { parameters }]) =>
      fieldsOf(parameters).map(({ path, type: its, byDefault, allowed }, i) => [
        i === 0 ? code(type) : '',
        code(path),
        its,
        byDefault,
        allowed,
      ]),
    ),
  )
}

const fieldTable = (fields: readonly Field[]): string =>
  table(
    ['field', 'type', 'default', 'allowed'],
    fields.map(({ path, type, byDefault, allowed }) => [code(path), type, byDefault, allowed]),
  )

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

if (import.meta.main) writeFileSync(join(root, target), await configurationReference())
