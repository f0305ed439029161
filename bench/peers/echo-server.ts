import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Environment, type OwnServer, type Server, startServer } from './server.ts'

const program = fileURLToPath(new URL('echo.ts', import.meta.url))

/** Starts the echo with the Node that runs this signalbox, and with the same flags of Node. */
export function startEcho(signalbox: Server, environment?: Environment): Promise<OwnServer> {
  const [node, ...args] = readFileSync(`/proc/${signalbox.pid}/cmdline`, 'utf8').split('\0')
  const nodeFlags = args.slice(
    0,
    args.findIndex((each) => !each.startsWith('-')),
  )
  return startServer('echo', node, [...nodeFlags, program], environment)
}
