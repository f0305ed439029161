import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommanderError } from 'commander'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { makeSite } from '../preflight/site.ts'
import { documents, modelText, poolText } from '../sources/manifest-text.ts'
import { makeTempDirectory } from '../sources/temp-directory.ts'
import { check } from './run-check.ts'

/** A directory with these files. */
async function makeDirectory(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await makeTempDirectory()
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text)
  return directory
}

const route = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route}
spec: {rules: [{matches: [{headers: [{name: X-Gateway-Model-Name, value: nobody}]}]}]}
`
const adapters = `apiVersion: v1
kind: ConfigMap
metadata: {name: adapters, labels: {inference.networking.k8s.io/bbr-managed: "true"}}
data: {baseModel: one, adapters: "[a, b]"}
`
const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\n'

describe('resources without problems', () => {
  test('are counted', async () => {
    const directory = await makeDirectory({
      'a.yaml': documents(poolText('pool'), modelText('one'), modelText('two')),
      'b.json': '{"apiVersion": "v1", "kind": "List", "items": []}',
      'c.yml': documents(route, adapters, service, service.replace('s}', 't}')),
      'd.yaml': 'endpoints: [{name: a, address: 127.0.0.1, labels: {app: pool}}]',
    })
    expect(await check('-f', directory)).toMatchObject({
      lines: ['7 resources: 1 pool, 2 models, 1 route, 1 adapter map, 2 others; 1 endpoint; no problems'],
      exitCode: 0,
    })
  })

  test('may be none', async () => {
    expect(await check(await makeTempDirectory())).toMatchObject({ lines: ['0 resources; no problems'], exitCode: 0 })
  })

  test('are taken from options and arguments, each once', async () => {
    const directory = await makeDirectory({ a: poolText('pool'), b: modelText('one'), c: modelText('two') })
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(directory, name))
    for (const args of [
      ['-f', a, '-f', b, '-f', c],
      ['-f', a, b, c],
      ['--file', a, '--', b, c],
      [a, b, c],
      [a, b, '-f', c, a],
    ]) {
      const { lines } = await check(...args)
      expect(lines).toEqual(['3 resources: 1 pool, 2 models; no problems'])
    }
  })
})

describe('errors', () => {
  test('are lines of file, line, column and field, in order', async () => {
    const directory = await makeDirectory({
      'b.yaml': documents(poolText('pool', 0), modelText('one', ', criticalty: Critical'), 'kind: [\n'),
      'a.yaml': 'endpoints:\n- {name: a, address: localhost, zone: b}\n',
    })
    expect(await check(directory)).toMatchObject({
      lines: [
        `${directory}/a.yaml:2:13 endpoints[0].address: found "localhost", allowed: an IPv4 or IPv6 address, without brackets`,
        `${directory}/a.yaml:2:33 endpoints[0].zone: unknown field, allowed: name, namespace, address, port, labels`,
        `${directory}/b.yaml:4:31 spec.targetPortNumber: found 0, allowed: 1 to 65535`,
        `${directory}/b.yaml:9:34 spec.poolRef.name: there is no valid InferencePool default/pool`,
        `${directory}/b.yaml:9:47 spec.criticalty: unknown field, did you mean criticality?`,
        `${directory}/b.yaml:12:1: broken YAML: Flow sequence in block collection must be sufficiently indented and end with a ]`,
        '2 resources: 1 pool, 1 model; 6 errors',
      ],
      exitCode: 1,
    })
  })

  test('are not warnings', async () => {
    const file = join(await makeDirectory({ a: documents(poolText('pool'), modelText('one'), again) }), 'a')
    expect(await check(file)).toMatchObject({
      lines: [
        `${file}:14:8 spec.modelName: warning: InferenceModel default/one serves "one" in pool default/pool and was first`,
        '3 resources: 1 pool, 2 models; 1 warning',
      ],
      exitCode: 0,
    })
  })

  const again = modelText('one').replace('{name: one}', '{name: again}')

  test('count beside warnings', async () => {
    const twice = documents(poolText('pool'), poolText('pool'), modelText('one'), again)
    const { lines, exitCode } = await check(await makeDirectory({ 'a.yaml': twice }))
    expect(lines.at(-1)).toBe('4 resources: 2 pools, 2 models; 1 error, 1 warning')
    expect(exitCode).toBe(1)
  })
})

describe('an input that cannot be read', () => {
  test('is exit status 2, and the rest is checked', async () => {
    const directory = await makeDirectory({ 'b.yaml': poolText('pool', 0) })
    expect(await check(join(directory, 'a.yaml'), directory)).toMatchObject({
      lines: [
        `${directory}/a.yaml: no such file or directory`,
        `${directory}/b.yaml:4:31 spec.targetPortNumber: found 0, allowed: 1 to 65535`,
        '1 resource: 1 pool; 2 errors',
      ],
      exitCode: 2,
    })
  })

  test('may be a file in a directory', async () => {
    const directory = await makeTempDirectory()
    await writeFile(join(directory, 'a.yaml'), Buffer.from([0xff]))
    await mkdir(join(directory, 'b.yaml'))
    expect(await check(directory)).toMatchObject({
      lines: [`${directory}/a.yaml: is not UTF-8 text`, '0 resources; 1 error'],
      exitCode: 2,
    })
  })

  test('is nothing at all', async () => {
    const error = await check().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CommanderError)
    expect(error).toMatchObject({ exitCode: 2, message: 'error: nothing to check: name a file or directory' })
  })
})

describe('an EndpointPickerConfig among the resources', () => {
  const head = 'apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n'

  test('is read as the service reads it', async () => {
    const plugins = 'plugins:\n- {type: qeue-scorer}\n- {type: queue-scorer, parameters: {x: 1}}\n'
    const directory = await makeDirectory({ 'a.yaml': poolText('pool'), 'b.yaml': head + plugins })
    expect(await check(directory)).toMatchObject({
      lines: [
        expect.stringMatching(
          /b\.yaml:4:4 plugins\[0\]\.type: unknown type "qeue-scorer", did you mean queue-scorer\?$/,
        ),
        expect.stringMatching(/b\.yaml:5:37 plugins\[1\]\.parameters\.x: unknown field/),
        '2 resources: 1 pool, 1 endpoint picker configuration; 2 errors',
      ],
      mode: [],
      exitCode: 1,
    })
  })

  test('warns of what has no effect, as the service does', async () => {
    const plugins = 'plugins:\n- {type: queue-scorer}\n- {type: predicted-latency-producer}\n'
    expect(await check(await makeDirectory({ 'b.yaml': head + plugins }))).toMatchObject({
      lines: [
        expect.stringMatching(/b\.yaml:5:3 plugins\[1\]: warning: predicted-latency-producer has no effect/),
        '1 resource: 1 endpoint picker configuration; 1 warning',
      ],
      exitCode: 0,
    })
  })

  test('says, with the resources, how the filter of Envoy is to be set', async () => {
    const queue = 'featureGates: [flowControl]\nplugins: [{type: queue-scorer}]\n'
    const directory = await makeDirectory({ 'a.yaml': poolText('pool'), 'b.yaml': head + queue })
    const trailers = expect.stringMatching(
      /^ {2}response_trailer_mode: SEND +# the queue goes on when an answer has ended$/,
    )
    expect((await check(directory)).mode).toContainEqual(trailers)
    const { mode } = await check(join(directory, 'a.yaml'))
    expect(mode).toHaveLength(7)
    expect(mode).toContain('  response_trailer_mode: SKIP')
  })
})

describe('known traps', () => {
  /** A site with three of them. */
  const makeTraps = () => {
    const site = makeSite()
    site.extension.spec.extProc[0].processingMode.request.body = 'Streamed'
    site.client.spec.headers.earlyRequestHeaders.remove.shift()
    site.unknown.spec.rules[0].matches[0].path.value = '/v1'
    return documents(...Object.values(site).map((each) => stringify(each)))
  }

  test('are lines with the remedy and the name of the rule, in order of place', async () => {
    const directory = await makeDirectory({ 'a.yaml': makeTraps() })
    expect(await check(directory)).toMatchObject({
      lines: [
        expect.stringMatching(
          /a\.yaml:41:11 spec\.extProc\[0\]\.processingMode\.request\.body: is Streamed: .*: set it to FullDuplexStreamed \[streamed-body-mode\]$/,
        ),
        expect.stringMatching(
          /a\.yaml:62:7 spec\.headers\.earlyRequestHeaders\.remove: warning: lacks x-gateway-model-name: .*: add them \[spoofable-headers\]$/,
        ),
        expect.stringMatching(
          /a\.yaml:\d+:7 spec\.rules\[0\]: goes before the rule for the model .* \[catch-all-outranks\]$/,
        ),
        '11 resources: 1 pool, 1 model, 2 routes, 7 others; 2 errors, 1 warning',
      ],
      exitCode: 1,
    })
  })

  test('are an array of findings for tools, beside what is invalid', async () => {
    const directory = await makeDirectory({ 'a.yaml': makeTraps(), 'b.yaml': poolText('pool', 0) })
    const { lines, exitCode } = await check(directory, '-o', 'json')
    const findings = JSON.parse(lines.join('\n'))
    expect(findings.map(({ id, severity }: { id: string; severity: string }) => [id, severity])).toEqual([
      ['streamed-body-mode', 'error'],
      ['spoofable-headers', 'warning'],
      ['catch-all-outranks', 'error'],
      ['invalid', 'error'],
    ])
    expect(findings[0]).toEqual({
      id: 'streamed-body-mode',
      severity: 'error',
      place: `${directory}/a.yaml:41:11`,
      path: 'spec.extProc[0].processingMode.request.body',
      message: expect.stringMatching(/^is Streamed: /),
      remedy: 'set it to FullDuplexStreamed',
    })
    expect(exitCode).toBe(1)
  })

  test('that are warnings alone are exit status 0', async () => {
    const site = makeSite()
    delete site.extension.spec.extProc[0].messageTimeout
    const directory = await makeDirectory({
      'a.yaml': documents(...Object.values(site).map((each) => stringify(each))),
    })
    const { lines, exitCode } = await check(directory)
    expect(lines).toEqual([expect.stringMatching(/\[message-timeout\]$/), expect.stringMatching(/; 1 warning$/)])
    expect(exitCode).toBe(0)
  })
})

describe('a cluster', () => {
  test('whose credentials cannot be read is exit status 2', async () => {
    const error = await check('--kubeconfig', '/nowhere/config').catch((error: unknown) => error)
    expect(error).toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^error: kubeconfig \/nowhere\/config: /),
    })
  })

  test('that gives no answer is exit status 2', async () => {
    const directory = await makeDirectory({
      config: stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'gone', cluster: { server: 'https://127.0.0.1:1' } }],
        contexts: [{ name: 'gone', context: { cluster: 'gone', user: 'nobody' } }],
        users: [{ name: 'nobody', user: {} }],
        'current-context': 'gone',
      }),
    })
    const error = await check('--kubeconfig', join(directory, 'config')).catch((error: unknown) => error)
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(/ECONNREFUSED/) })
  })
})
