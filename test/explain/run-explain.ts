import { Command } from 'commander'
import { onTestFinished, vi } from 'vitest'
import { define } from '../../src/cli/explain.ts'

/** Runs `explain` as a command line does. `error` is what it says when something can't be read. */
export async function runExplain(...args: string[]) {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => {
    process.exitCode = undefined
  })
  let error = ''
  const command = new Command('explain').exitOverride().configureOutput({ writeErr: (text) => void (error += text) })
  define(command)
  try {
    await command.parseAsync(args, { from: 'user' })
    const text = write.mock.calls.map(([piece]) => piece).join('')
    return { text, error, exitCode: process.exitCode }
  } catch (thrown) {
    return { text: '', error, exitCode: (thrown as { exitCode: number }).exitCode }
  } finally {
    write.mockRestore()
  }
}
