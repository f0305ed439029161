import type { Logger } from 'pino'
import { KubeconfigError } from '../kubernetes/kubeconfig.ts'
import { ConfigurationError } from '../scheduling/configuration-error.ts'
import { SourceError } from '../sources/source.ts'

/**
 * Runs a program of this process until SIGTERM or SIGINT, and exits: 0 when it has ended in order, 1 when it can't start, when
 * its end fails, or at a second signal.
 * @param start resolves, when it has started, to what ends it
 */
export async function runUntilTold(start: () => Promise<() => Promise<void>>, log: Logger): Promise<void> {
  let end: (() => Promise<void>) | undefined
  let isEnding = false
  const fail = (text: string) => {
    log.fatal(text)
    process.exit(1)
  }
  const stop = () => {
    if (isEnding) process.exit(1)
    // It may wait for an API server for long, and the first process of a container does not end by itself.
    if (end === undefined) process.exit(0)
    isEnding = true
    end().then(
      () => process.exit(0),
      (error: Error) => fail(traceOf(error)),
    )
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  try {
    end = await start()
  } catch (error) {
    fail(isExpected(error as Error) ? (error as Error).message : traceOf(error as Error))
  }
}

const traceOf = ({ stack, message }: Error): string => stack ?? message

/** What a user can mend: its message says how. */
function isExpected(error: Error): boolean {
  return (
    error instanceof SourceError ||
    error instanceof ConfigurationError ||
    error instanceof KubeconfigError ||
    'syscall' in error
  )
}
