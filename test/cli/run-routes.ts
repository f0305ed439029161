import { Command } from 'commander'
import { vi } from 'vitest'
import { define } from '../../src/cli/routes.ts'

export type RoutesRun = { readonly stdout: string; readonly stderr: string; readonly exitCode: number }

/** Runs `routes` as a command line does. */
export async function routes(...args: string[]): Promise<RoutesRun> {
  const stdout = vi.spyOn(process.stdout, 'write').mockImplementation((_text, ...then) => {
    for (const written of then) if (typeof written === 'function') written()
    return true
  })
  const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const written = ({ mock }: typeof stdout) => mock.calls.map(([text]) => text).join('')
  const command = new Command('routes').exitOverride()
  define(command)
  try {
    await command.parseAsync(args, { from: 'user' })
    return { stdout: written(stdout), stderr: written(stderr), exitCode: Number(process.exitCode) }
  } catch (error) {
    if (!(error instanceof Error && 'exitCode' in error)) throw error
    return { stdout: written(stdout), stderr: written(stderr), exitCode: Number(error.exitCode) }
  } finally {
    process.exitCode = undefined
    stdout.mockRestore()
    stderr.mockRestore()
  }
}
