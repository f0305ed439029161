import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Ports of no known service here, and below those that Linux (from 32768) and macOS (from 49152) give to connections: a port
 * that is free now shall still be free when a program that has to be started first listens on it.
 */
const range = { from: 20_000, count: 10_000 }
/** One after the other, so that none is given twice before it is used. Processes side by side begin about a hundred apart. */
let next = (process.pid * 97) % range.count

/** Ports of 127.0.0.1 that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = range.from + next
    next = (next + 1) % range.count
    if (await isPortFree(port)) ports.push(port)
  }
  return ports
}

/** Whether a program may listen on the port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if (isTaken(error)) return false
    throw error
  }
  server.close()
  await once(server, 'close')
  return true
}

const isTaken = (error: unknown) => ['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')
