import type { IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'
import { type AdminOptions, portOf, serveAdmin } from '../../src/admin/admin-server.ts'
import type { MetricsSource } from '../../src/admin/sampler.ts'

/** A page of metrics that is always this text, and the names that were asked for last. */
export function metricsOf(text: () => string): MetricsSource & { asked: readonly string[] | undefined } {
  const source = {
    contentType: 'text/plain; version=0.0.4',
    asked: undefined as readonly string[] | undefined,
    async *pieces(names?: ReadonlySet<string>) {
      source.asked = names && [...names]
      yield text()
    },
  }
  return source
}

/** Serves until the end of the test; resolves to `http://127.0.0.1:PORT`. */
export async function serve(options: Partial<AdminOptions> = {}): Promise<string> {
  const server = await serveAdmin({
    port: 0,
    host: '127.0.0.1',
    access: async () => undefined,
    metrics: metricsOf(() => 'a 1\n'),
    ...options,
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  return `http://127.0.0.1:${portOf(server)}`
}

/** A request as far as access looks at it. */
export function requestFrom(
  remoteAddress: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): IncomingMessage {
  return { method, headers, socket: { remoteAddress } } as unknown as IncomingMessage
}
