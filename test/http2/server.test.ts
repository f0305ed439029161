import { once } from 'node:events'
import { connect } from 'node:http2'
import { expect, onTestFinished, test } from 'vitest'
import { selfSignedCertificates } from '../../src/extproc/tls.ts'
import { countedEcho, serveHttp2 } from './serving.ts'

test.each(['http', 'https'])('over %s, what is cut has been told when the cut is done', async (scheme) => {
  const { serve, open, timesClosed } = countedEcho()
  const keyPair = scheme === 'https' ? (await selfSignedCertificates()).current : undefined
  const { server, port } = await serveHttp2(serve, keyPair)
  const session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  const request = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  request.on('error', () => {})
  request.write('and more to come')
  await once(request, 'response')
  expect([open.size, timesClosed()]).toEqual([1, 0])
  const closed = server.close()
  await server.destroy()
  expect([open.size, timesClosed()]).toEqual([0, 1])
  await closed
})
