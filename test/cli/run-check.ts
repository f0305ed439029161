import { Command } from 'commander'
import { onTestFinished, vi } from 'vitest'
import { define } from '../../src/cli/check.ts'

/** Runs `check` as a command line does. */
export async function check(...args: string[]) {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => {
    process.exitCode = undefined
  })
  const command = new Command('check').exitOverride().configureOutput({ writeErr: () => {} })
  define(command)
  try {
    await command.parseAsync(args, { from: 'user' })
    const lines = write.mock.calls
      .map(([text]) => text)
      .join('')
      .split('\n')
    const written = lines.slice(0, -1)
    const isMode = (line: string) => /^(processing_mode:|metadata_options:| {2}re)/.test(line)
    // What is said of Envoy's filter stands apart from what is said of the resources.
    return { lines: written.filter((line) => !isMode(line)), mode: written.filter(isMode), exitCode: process.exitCode }
  } finally {
    write.mockRestore()
  }
}
