import cluster from 'node:cluster'
import { createLogAt } from '../telemetry/log.ts'
import type { ToWorker } from './messages.ts'
import { Worker, type WorkerChannel } from './worker.ts'

// A process that processes.ts has started: its first message makes it a worker.

const channel: WorkerChannel = {
  send: (message) => void process.send!(message, undefined, undefined, passOver),
  // Messages arrive in order: when the last one has left, so have those before.
  exit: (code) => void process.send!({ kind: 'pong' }, undefined, undefined, () => process.exit(code)),
}

const passOver = (): void => {}

let worker: Worker | undefined
process.on('message', (message: ToWorker) => {
  if (message.kind !== 'start') return worker?.told(message)
  const log = createLogAt(message.logLevel).child({ worker: message.workerName })
  worker = new Worker(message, channel, log)
  void worker.start()
})

// Once the primary has ended nothing can be sent: that ends this process, too.
cluster.worker!.on('error', passOver)
// A terminal and a container's end tell all processes; the primary says when this one is to drain.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, passOver)
