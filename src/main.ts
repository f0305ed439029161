import { Command } from 'commander'
import manifest from '../package.json' with { type: 'json' }
import type { CommandModule } from './cli/command.ts'

type Entry = { readonly summary: string; readonly load: () => Promise<CommandModule> }

/** The command table. A command's file is loaded when it is asked for. */
const commands: Readonly<Record<string, Entry>> = {
  serve: { summary: 'answer Envoy: the ext_proc service', load: () => import('./cli/serve.ts') },
  controller: {
    summary: 'make the routes of services, and say in the status of resources what became of them',
    load: () => import('./cli/controller.ts'),
  },
  extension: {
    summary: 'extend Envoy Gateway: InferencePools as backends of HTTPRoutes',
    load: () => import('./cli/extension.ts'),
  },
  routes: {
    summary: 'print the routes of OME InferenceServices and AIM Engine AIMServices',
    load: () => import('./cli/routes.ts'),
  },
  rollout: {
    summary: 'see, pause, resume and abort rollouts of target models',
    load: () => import('./cli/rollout.ts'),
  },
  check: { summary: 'validate manifests and say what is wrong where', load: () => import('./cli/check.ts') },
  explain: {
    summary: 'say what becomes of a request, and why',
    load: () => import('./cli/explain.ts'),
  },
  sim: { summary: 'run a simulated model server', load: () => import('./cli/sim.ts') },
  demo: { summary: 'run all of it: Envoy, signalbox, model servers, traffic', load: () => import('./cli/demo.ts') },
}

const given = process.argv.slice(2)
// Charts of the reference endpoint picker pass flags alone.
const isFlagsAlone = given[0]?.startsWith('-') && !['-h', '--help', '-V', '--version'].includes(given[0])
const args = isFlagsAlone ? ['serve', ...given] : given

const program = new Command('signalbox')
  .description('Reads LLM requests while they stream through Envoy, and sets the points: model, target, model server.')
  .version(manifest.version)
  .showHelpAfterError('(signalbox COMMAND --help lists the flags)')

for (const [name, { summary, load }] of Object.entries(commands)) {
  const command = program
    .command(name)
    .summary(summary)
    .description(`${summary[0].toUpperCase()}${summary.slice(1)}.`)
  if (args.includes(name)) (await load()).define(command)
}

await program.parseAsync(args, { from: 'user' })
