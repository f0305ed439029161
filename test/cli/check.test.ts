import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { define } from '../../src/cli/check.ts'
import { documents, modelText, poolText } from '../sources/manifest-text.ts'
import { makeTempDirectory } from '../sources/temp-directory.ts'

/** Runs `check` as a command line does. */
async function check(...args: string[]) {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  onTestFinished(() => {
    process.exitCode = undefined
  })
  const command = new Command('check').exitOverride().configureOutput({ writeErr: () => {} })
  define(command)
  try {
    await command.parseAsync(args, { from: 'user' })
    const lines = write.mock.calls
      .map(([text]) => text)
      .join('')
      .split('\n')
    const written = lines.slice(0, -1)
    const isMode = (line: string) => /^(processing_mode:|metadata_options:| {2}re)/.test(line)
    // What is said of Envoy's filter stands apart from what is said of the resources.
    return { lines: written.filter((line) => !isMode(line)), mode: written.filter(isMode), exitCode: process.exitCode }
  } finally {
    write.mockRestore()
  }
}

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
      'd.yaml': 'endpoints: [{name: a, address: 127.0.0.1}]',
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
