import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { renderPath } from '../../../src/routes/aim/path-template.ts'

const service = {
  metadata: {
    name: 'qwen-chat',
    namespace: 'ml-team',
    uid: 'e5a7da4a-4497',
    labels: {
      team: 'nlp',
      'app.kubernetes.io/part-of': 'Chat_Bot.v2',
      slashes: 'a/b',
      empty: '',
      padded: '  x  ',
      "it's": 'quoted',
      'a b': 'spaced',
      'a,b': 'comma',
      '*': 'star',
    },
    annotations: {
      route: 'Team-A/B',
      'a.b/c': '//x//y//',
      padded: ' /z/ ',
      spaces: ' x ',
      map: { key: 'a/b' },
      empty: '',
    },
    finalizers: ['first', 'last'],
  },
  spec: { replicas: 2, ratio: 0.5, enabled: true, nothing: null, env: [{ name: 'T', value: 'Acme' }, null] },
  status: { resolvedModel: { name: 'Meta/Llama-3-8B' } },
}

describe('a template renders to a path', () => {
  test.each([
    ['/{.metadata.namespace}/{.metadata.name}', '/ml-team/qwen-chat'],
    ['/models/{.metadata.name}', '/models/qwen-chat'],
    ["/{.metadata.namespace}/{.metadata.labels['team']}/inference", '/ml-team/nlp/inference'],
    ['/k/svc-{.metadata.namespace}--{.metadata.name}', '/k/svc-ml-team--qwen-chat'],
    ['{.metadata.name}{.metadata.name}', '/qwen-chatqwen-chat'],
    ['/x}y/{.metadata.name}}', '/x-y/qwen-chat'],
    ['/no/expression', '/no/expression'],
  ])('%s', (template, path) => {
    expect(renderPath(template, service)).toEqual({ path })
  })
})

describe('an expression finds its value', () => {
  test.each([
    ['.metadata.labels.team', '/nlp'],
    [String.raw`.metadata.labels.app\.kubernetes\.io/part-of`, '/chat-bot-v2'],
    [".metadata.labels['app.kubernetes.io/part-of']", '/chat-bot-v2'],
    ['.metadata.labels["app.kubernetes.io/part-of"]', '/chat-bot-v2'],
    [String.raw`.metadata.labels['app\.kubernetes\.io/part-of']`, '/chat-bot-v2'],
    [`['metadata']["name"]`, '/qwen-chat'],
    [".metadata['name']", '/qwen-chat'],
    ["['metadata'].name", '/qwen-chat'],
    ['.spec.env[0].value', '/acme'],
    [".spec['env'][0]['value']", '/acme'],
    ['.metadata.finalizers[0]', '/first'],
    ['.metadata.finalizers[1]', '/last'],
    ['.metadata.finalizers[-1]', '/last'],
    ['.metadata.finalizers[-2]', '/first'],
    ['$.metadata.name', '/qwen-chat'],
    ['$metadata.name', '/qwen-chat'],
    ["$['metadata'].name", '/qwen-chat'],
    ['@.metadata.name', '/qwen-chat'],
    ["@['metadata'].name", '/qwen-chat'],
    ["  .metadata.labels['team']  ", '/nlp'],
    ['.status.resolvedModel.name', '/meta-llama-3-8b'],
    ['.spec.replicas', '/2'],
    ['.spec.ratio', '/0-5'],
    ['.spec.enabled', '/true'],
    ['.metadata.labels.padded', '/x'],
    ['.metadata.labels.slashes', '/a-b'],
    [String.raw`.metadata.labels.it\'s`, '/quoted'],
    [`.metadata.labels["it's"]`, '/quoted'],
    [String.raw`.metadata.labels['it\'s']`, '/quoted'],
    [String.raw`.metadata.labels.a\ b`, '/spaced'],
    [".metadata.labels['a b']", '/spaced'],
    [".metadata.labels['a,b']", '/comma'],
    [".metadata.labels['*']", '/star'],
    [String.raw`.metadata.labels.\*`, '/star'],
  ])('%s', (expression, path) => {
    expect(renderPath(`{${expression}}`, service)).toEqual({ path })
  })

  test('spaces around a value are left out', () => {
    expect(renderPath('/a{.metadata.annotations.spaces}b', service)).toEqual({ path: '/axb' })
  })

  test('an empty string is a value', () => {
    expect(renderPath('/e/{.metadata.labels.empty}/x', service)).toEqual({ path: '/e/x' })
    expect(renderPath('{.metadata.labels.empty}', service)).toEqual({ cause: 'route template produced an empty path' })
  })
})

describe('slashes of an annotation make segments, however it is written', () => {
  test.each([
    ['.metadata.annotations.route', '/p/team-a/b/q'],
    [".metadata.annotations['route']", '/p/team-a/b/q'],
    [`['metadata']["annotations"].route`, '/p/team-a/b/q'],
    ['$metadata.annotations.route', '/p/team-a/b/q'],
    [".metadata.annotations['a.b/c']", '/p/x/y/q'],
    [String.raw`.metadata.annotations.a\.b/c`, '/p/x/y/q'],
    ['.metadata.annotations.padded', '/p/z/q'],
    ['.metadata.annotations.empty', '/p/q'],
    // Not an annotation, but something inside of it.
    ['.metadata.annotations.map.key', '/p/a-b/q'],
  ])('%s', (expression, path) => {
    expect(renderPath(`/p/{${expression}}/q`, service)).toEqual({ path })
  })
})

describe('an expression is refused, and the message has it as it was written', () => {
  test.each([
    ['metadata.name', 'must begin'],
    ['range .spec.env[0]', 'must begin'],
    ['end', 'must begin'],
    ["'literal'", 'must begin'],
    ['"literal"', 'must begin'],
    ['.metadata.finalizers[*]', 'wildcards'],
    ['.metadata.*', 'wildcards'],
    ['.spec.env[?(@.name=="A")].value', 'filters'],
    ['.spec.env[(@.length-1)]', 'scripts'],
    [".metadata['name','namespace']", 'unions'],
    ['.metadata.finalizers[0,1]', 'unions'],
    ['.metadata.finalizers[0:1]', 'slices'],
    ['.metadata.finalizers[:1]', 'slices'],
    ['..name', 'recursive'],
    ['.metadata..name', 'recursive'],
    ['.', 'no name after a dot'],
    ['$.', 'no name after a dot'],
    ['.metadata.', 'no name after a dot'],
    [".metadata.['name']", 'no name after a dot'],
    ['.metadata[]', 'nothing between the brackets'],
    [".metadata['']", 'nothing between the brackets'],
    ['.metadata[', 'bracket'],
    [".metadata['name", 'bracket'],
    [".metadata['name'", 'bracket'],
    [`.metadata['name"]`, 'bracket'],
    ['.metadata[name]', 'bracket'],
    [".metadata[ 'name' ]", 'bracket'],
    ['.metadata.finalizers[+1]', 'bracket'],
    ['.metadata.finalizers[1.0]', 'bracket'],
    ['.metadata .name', 'spaces'],
    ['$ .metadata', 'spaces'],
    ['.meta data', 'spaces'],
    ['.metadata.name]', 'not a step'],
    ['.metadata.finalizers[0]first', 'not a step'],
    ['$$.metadata', 'not a step'],
    ['@metadata.name', 'not a step'],
    ['.metadata.name$', 'not a step'],
    [".metadata.it's", 'not a step'],
    ['.metadata.name()', 'not a step'],
    ['.metadata{.name', 'not a step'],
    ['.metadata.name\\', 'not a step'],
  ])('%s', (expression, cause) => {
    const result = renderPath(`/{${expression}}`, service)
    expect(result).toEqual({ cause: expect.stringContaining(`expression "${expression}": `) })
    expect(result).toEqual({ cause: expect.stringContaining(cause) })
  })
})

describe('an expression that does not lead to one scalar is an error', () => {
  test.each([
    [".metadata.labels['missing']", 'metadata.labels.missing is missing'],
    ['.spec.missing.name', 'spec.missing is missing'],
    ['.spec.nothing', 'spec.nothing is null'],
    ['.spec.env[1]', 'spec.env[1] is null'],
    ['.metadata.finalizers[2]', 'metadata.finalizers[2] is missing'],
    ['.metadata.finalizers[-3]', 'metadata.finalizers[-3] is missing'],
    [`.metadata.finalizers[${'9'.repeat(60)}]`, 'is missing'],
    ['.metadata.labels[0]', 'no list'],
    ['.metadata.name[0]', 'no list'],
    ['.metadata.finalizers.name', 'a key of a list'],
    ['.metadata.finalizers.length', 'a key of a list'],
    ['.metadata.name.length', 'metadata.name.length is missing'],
    ['.metadata.constructor', 'metadata.constructor is missing'],
    ['.metadata.__proto__', 'metadata.__proto__ is missing'],
    ['.metadata.labels', 'an object'],
    ['.metadata.finalizers', 'a list'],
    ['$', 'an object'],
    ['@', 'an object'],
  ])('%s', (expression, cause) => {
    const result = renderPath(`/{${expression}}`, service)
    expect(result).toEqual({ cause: expect.stringContaining(`expression "${expression}": `) })
    expect(result).toEqual({ cause: expect.stringContaining(cause) })
  })
})

describe('a template is refused as a whole', () => {
  test.each([
    ['/{.metadata.name', "unclosed '{'"],
    ['/{', "unclosed '{'"],
    ['/{}/x', 'empty expression'],
    ['/{ }/x', 'empty expression'],
    [`/${'a'.repeat(200)}`, 'template is longer than 200 characters'],
    [`/${'😀'.repeat(200)}`, 'template is longer than 200 characters'],
  ])('%s', (template, cause) => {
    expect(renderPath(template, service)).toEqual({ cause })
  })

  test('the limit counts characters, not bytes, and the text as it is written', () => {
    expect(renderPath(`/{.metadata.annotations.empty}${'a/'.repeat(85)}`, service)).toHaveProperty('path')
    expect(renderPath(`{.metadata.name}${'😀'.repeat(45)}`, service)).toEqual({ path: '/qwen-chat' })
  })
})

/** Parts of a template with the text that they stand for, before the path is normalised. */
const key = fc.string({ unit: fc.constantFrom(...'aB9._-/*,$@()?[] '), minLength: 1, maxLength: 6 })
const special = /[\s.,[\]$@{}()*?'"\\]/g
const stepOf = (key: string) =>
  fc.constantFrom(
    `.${key.replace(special, String.raw`\$&`)}`,
    `['${key}']`,
    `["${key.replaceAll('.', String.raw`\.`)}"]`,
  )

describe('templates of any shape', () => {
  test('a key is found in each way of writing it', () => {
    const written = fc
      .tuple(key, key)
      .chain((keys) => fc.tuple(fc.constant(keys), fc.constantFrom('', '$', '@'), stepOf(keys[0]), stepOf(keys[1])))
    fc.assert(
      fc.property(written, fc.string({ unit: fc.constantFrom(...'xY/ 1') }), ([keys, root, first, second], value) => {
        const expression = `${root}${first}${second}`
        // What ends in a space is trimmed, whatever stands before it.
        if (expression !== expression.trim()) return
        const object = { [keys[0]]: { [keys[1]]: value } }
        const plain = value
          .trim()
          .toLowerCase()
          .replace(/[/ ]/g, '-')
          .replace(/^-+|-+$/g, '')
        expect(renderPath(`/v${plain}`, {})).toEqual(renderPath(`/v{${expression}}`, object))
      }),
    )
  })

  test('any text gives a path or a cause, and always the same', () => {
    const template = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 220 }),
      fc.string({
        unit: fc.constantFrom(...'{}.[]$@\'"\\*?:,()/ a0-', 'metadata', 'labels', 'finalizers'),
        maxLength: 40,
      }),
      fc
        .string({ unit: fc.constantFrom(...'.[]$@\'"\\*?:,() a0-', '.metadata', '.labels', "['name']"), maxLength: 12 })
        .map((expression) => `/{${expression}}`),
    )
    fc.assert(
      fc.property(template, fc.oneof(fc.constant(service), fc.anything()), (template, object) => {
        const result = renderPath(template, object)
        if ('path' in result) expect(result.path).toMatch(/^\/([a-z0-9-]+\/)*[a-z0-9-]*$/)
        else expect(result.cause).not.toBe('')
        expect(renderPath(template, object)).toEqual(result)
      }),
      { numRuns: 1000 },
    )
  })

  test('literals alone are a path of themselves', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab1/-}'), maxLength: 60 }), (text) => {
        const result = renderPath(text, service)
        const segments = text.split('/').map((segment) => segment.replaceAll('}', '-').replace(/^-+|-+$/g, ''))
        if (text === '') expect(result).toHaveProperty('cause')
        else expect(result).toEqual({ path: `/${segments.filter(Boolean).join('/')}` })
      }),
    )
  })
})
