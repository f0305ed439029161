import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { encodeHeaders } from '../../src/http2/hpack/encode.ts'
import { findParts } from '../real/parts.ts'
import { serveHttp2 } from './serving.ts'

const { found, missing } = findParts(['H2SPEC'])
if (missing.length > 0) console.log(`skipped: ${missing.join('; ')}`)

/** Where the server does otherwise than the specification asks, by section and case. */
const deliberate = new Set([
  // One bad stream never harms the others: RST_STREAM instead of the end of the connection.
  'http2/5.1: closed: Sends a HEADERS frame',
  'http2/5.1.1: Sends stream identifier that is numerically smaller than previous',
  // Priorities are deprecated (RFC 9113, section 5.3.2), and nothing here depends on them.
  'http2/5.3.1: Sends HEADERS frame that depend on itself',
  'http2/5.3.1: Sends PRIORITY frame that depend on itself',
  // gRPC has lengths of its own, of each message.
  'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length',
  'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length',
])

/** Cases by their result, as `package: name`, of a report in JUnit's form. */
function readReport(xml: string): { passed: string[]; failed: string[] } {
  const passed: string[] = []
  const failed: string[] = []
  for (const [, section, name, rest] of xml.matchAll(
    /<testcase package="([^"]*)" classname="([^"]*)"[^>]*>([\s\S]*?)<\/testcase>/g,
  )) {
    if (rest.includes('<skipped')) continue
    const title = `${section}: ${name.replaceAll('&#34;', '"')}`
    ;(/<(error|failure)/.test(rest) ? failed : passed).push(title)
  }
  return { passed, failed }
}

const headers = encodeHeaders({ ':status': '200' })
const trailers = encodeHeaders({ 'grpc-status': '0' })

test.skipIf(missing.length > 0)(
  'h2spec finds no deviation from HTTP/2 but those that are meant',
  async () => {
    const { port } = await serveHttp2((stream) => ({
      data() {},
      end() {
        stream.respond(headers)
        stream.write(Buffer.from('hello'))
        stream.end(trailers)
      },
      closed() {},
    }))
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-h2spec-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const report = join(folder, 'report.xml')
    const args = ['--host', '127.0.0.1', '--port', String(port), '--strict', '--junit-report', report]
    // Its exit code says that there are failures, which the report names.
    await new Promise((resolve) => execFile(found.H2SPEC, args, resolve))
    const { passed, failed } = readReport(readFileSync(report, 'utf8'))
    expect(failed.filter((name) => !deliberate.has(name))).toEqual([])
    expect([...deliberate].filter((name) => !failed.includes(name))).toEqual([])
    expect(passed.length).toBeGreaterThan(130)
  },
  120_000,
)
