import { basename } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import type { CommandModule } from '../../src/cli/command.ts'
import * as controller from '../../src/cli/controller.ts'
import * as extension from '../../src/cli/extension.ts'
import * as serve from '../../src/cli/serve.ts'
import { manifests, objectsIn, renderings } from './objects.ts'

const commands: Readonly<Record<string, CommandModule>> = { serve, controller, extension }

type Container = {
  readonly name: string
  readonly args: readonly string[]
  readonly ports: readonly { readonly containerPort: number }[]
}

const containers = [...manifests, ...renderings].flatMap((file) =>
  objectsIn(file)
    .filter(({ kind }) => kind === 'Deployment')
    .map(({ spec }) => {
      const { template } = spec as { template: { spec: { containers: [Container] } } }
      return { file: basename(file), ...template.spec.containers[0] }
    }),
)

test.each(containers)(
  '$file: $name takes its arguments, and listens on its ports',
  ({ args: [name, ...args], ports }) => {
    const command = new Command()
    commands[name].define(command)
    expect(command.parseOptions(args)).toEqual({ operands: [], unknown: [] })
    const listening = Object.entries(command.opts()).filter(([option]) => /Port$/.test(option))
    expect(ports.map(({ containerPort }) => containerPort).sort()).toEqual(listening.map(([, port]) => port).sort())
  },
)
