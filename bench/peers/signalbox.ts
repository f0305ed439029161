import { fileURLToPath } from 'node:url'
import { type Fleet, fleetNamespace } from './fleet.ts'
import { poolName, writeAsFiles } from './resources.ts'
import { type Environment, type OwnServer, startServer } from './server.ts'

const executable = fileURLToPath(new URL('../../bin/signalbox', import.meta.url))

/** Starts this checkout's signalbox on the fleet's pool, from files. */
export function startSignalbox(fleet: Fleet, directory: string, environment?: Environment): Promise<OwnServer> {
  const files = writeAsFiles(fleet, directory)
  const flags = [
    `--resources=${files.resources}`,
    `--endpoints=${files.endpoints}`,
    `--pool-name=${poolName}`,
    `--pool-namespace=${fleetNamespace}`,
  ]
  return startServer('signalbox', executable, ['serve', ...flags], environment)
}
