import { credentials, type GrpcObject, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadProtos } from '../../protos/load.ts'
import { freePorts } from '../../src/demo/free-ports.ts'
import { GuardedProcess, untilReady } from '../../src/demo/process.ts'

/** An ext_proc server that runs: its plaintext host:port, and whose CPU time is its cost. */
export type Server = { readonly name: string; readonly address: string; readonly pid: number }

export type OwnServer = Server & {
  /** Its metrics page; plaintext, without a login. */
  readonly metricsUrl: string
  stop(): Promise<void>
}

const startTimeoutMs = 60_000
const checkTimeoutMs = 1000

/** Variables that a program is to have besides those of this process. */
export type Environment = Readonly<Record<string, string>>

/**
 * Starts a server on free ports and waits until its gRPC health says SERVING. Signalbox and the reference programs share
 * the flags that this takes.
 */
export async function startServer(
  name: string,
  command: string,
  args: readonly string[],
  environment: Environment = {},
): Promise<OwnServer> {
  const [port, healthPort, metricsPort] = await freePorts(3)
  const shared = [
    `--grpc-port=${port}`,
    `--grpc-health-port=${healthPort}`,
    `--metrics-port=${metricsPort}`,
    '--secure-serving=false',
  ]
  const variables = Object.entries(environment).map(([variable, value]) => `${variable}=${value}`)
  // `env` hands its process over to the program, so the pid is the program's.
  const program = new GuardedProcess({ name, command: 'env', args: [...variables, command, ...args, ...shared] })
  try {
    await untilReady(program, () => isServing(`127.0.0.1:${healthPort}`), startTimeoutMs)
  } catch (error) {
    await program.stop()
    throw error
  }
  return {
    name,
    address: `127.0.0.1:${port}`,
    pid: program.pid,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    stop: () => program.stop(),
  }
}

type Check = (
  request: { service: string },
  options: { deadline: number },
  done: (error: Error | null, answer?: { status?: string }) => void,
) => void

let Health: ServiceClientConstructor | undefined

function isServing(address: string): Promise<boolean> {
  if (!Health) {
    const { grpc } = loadProtos().grpc as { grpc: { health: { v1: GrpcObject } } }
    Health = grpc.health.v1.Health as ServiceClientConstructor
  }
  const client = new Health(address, credentials.createInsecure())
  const check = client.Check.bind(client) as unknown as Check
  const request = { service: 'envoy.service.ext_proc.v3.ExternalProcessor' }
  return new Promise((resolve) => {
    check(request, { deadline: Date.now() + checkTimeoutMs }, (error, answer) => {
      client.close()
      resolve(!error && answer?.status === 'SERVING')
    })
  })
}
