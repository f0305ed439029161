import cluster, { type Worker } from 'node:cluster'
import { extname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Spawn } from './crew.ts'
import type { FromWorker } from './messages.ts'

/** Of the source as of what is built from it. */
const program = join(import.meta.dirname, `entry${extname(import.meta.filename)}`)

/** For what a worker that has ended said before, milliseconds. */
const lastWordsMs = 100

/**
 * Starts workers that share the ports they listen on. This process accepts, and deals connections out in turn: gateways have few of
 * them, and keep them for long, so that what a kernel deals out by chance (SO_REUSEPORT) is uneven for as long.
 */
export const spawnProcess: Spawn = (listener) => {
  cluster.schedulingPolicy = cluster.SCHED_RR
  // 'advanced' takes maps, sets and buffers as they are.
  cluster.setupPrimary({ exec: program, args: [], serialization: 'advanced' })
  let worker: Worker
  try {
    worker = cluster.fork()
  } catch (error) {
    // No memory, or no room for another process: as if it had ended at once.
    setImmediate(() => listener.ended((error as Error).message))
    return { send() {}, kill() {} }
  }
  worker.on('message', (message: FromWorker) => listener.told(message))
  const disconnected = new Promise<void>((resolve) => worker.on('disconnect', resolve))
  worker.on('exit', async (code, signal) => {
    // It may have said why it ends, which is read until the channel closes. One that was killed in the middle of a message leaves
    // the channel waiting for the rest of it.
    await Promise.race([disconnected, delay(lastWordsMs)])
    listener.ended(signal === null ? `exit code ${code}` : `signal ${signal}`)
  })
  worker.on('error', (error) => {
    // One that could not begin has no end to tell of. Else a message can't be sent any more: the end of the process says it all.
    if (worker.process.pid === undefined) listener.ended(error.message)
  })
  return {
    send: (message) => void (worker.isConnected() && worker.process.send(message, undefined, undefined, () => {})),
    kill: () => void worker.process.kill('SIGKILL'),
  }
}
