import { EventEmitter } from 'node:events'
import pino from 'pino'
import { describe, expect, test } from 'vitest'
import { Discovery, type DiscoveryStream } from '../../src/extension/discovery.ts'
import { loadAssignment, type Members } from '../../src/extension/load-assignment.ts'
import { type DiscoveryResponse, messages } from '../../src/extension/messages.ts'
import { poolKeysIn } from '../../src/extension/pool-cluster.ts'
import { jsonOf } from './envoy-json.ts'

const { typeUrl } = messages.loadAssignment

/** An Envoy on the other end of a stream. */
class Envoy extends EventEmitter {
  /** Each as the addresses by cluster name. */
  readonly told: Record<string, string[]>[] = []
  readonly #responses: DiscoveryResponse[] = []
  ended = false
  /** Reads nothing for now. */
  isSlow = false

  write(response: DiscoveryResponse): boolean {
    this.#responses.push(response)
    this.told.push(Object.fromEntries(response.resources.map(({ value }) => assigned(value))))
    return !this.isSlow
  }

  end(): void {
    this.ended = true
  }

  /** Asks for resources, as the answer to the response before the last `age` ones. */
  ask(names: string[], { age = 0, error }: { age?: number; error?: string } = {}): void {
    const nonce = this.#responses.at(-1 - age)?.nonce ?? ''
    const request = messages.discoveryRequest.from({ resource_names: names, type_url: typeUrl, response_nonce: nonce })
    if (error !== undefined) request.errorDetail = { message: error }
    this.emit('data', request)
  }
}

function assigned(bytes: Uint8Array): [string, string[]] {
  const { cluster_name, endpoints } = jsonOf(messages.loadAssignment.decode(bytes))
  const addresses = endpoints.flatMap(({ lb_endpoints = [] }: { lb_endpoints?: LbEndpoint[] }) =>
    lb_endpoints.map(({ endpoint: { address } }) => Object.values(address.socket_address).join(' ')),
  )
  return [cluster_name, addresses]
}

type LbEndpoint = { endpoint: { address: { socket_address: Record<string, string | number> } } }

function start() {
  const lines: { msg: string; cause?: string }[] = []
  const discovery = new Discovery(typeUrl, pino({}, { write: (line) => lines.push(JSON.parse(line)) }))
  let members: Members = new Map()
  return {
    discovery,
    lines,
    connect() {
      const envoy = new Envoy()
      discovery.stream(envoy as unknown as DiscoveryStream)
      return envoy
    },
    /** Addresses by pool. */
    update(pools: Record<string, readonly { address: string }[]>) {
      const before = members
      members = new Map(Object.entries(pools))
      const now = members
      discovery.update(
        (name) => loadAssignment(name, now),
        (name) => poolKeysIn(name).some((key) => now.get(key) !== before.get(key)),
      )
    },
  }
}

const a = [{ address: '10.0.0.1:8000' }]
const b = [{ address: '[fd00::1]:8000' }]

describe('an Envoy', () => {
  test('hears nothing before there is something to tell, then all that it asked for', () => {
    const { connect, update } = start()
    const envoy = connect()
    envoy.ask(['ns/a'])
    expect(envoy.told).toEqual([])
    update({ 'ns/a': a, 'ns/b': b })
    expect(envoy.told).toEqual([{ 'ns/a': ['10.0.0.1 8000'] }])
  })

  test('is told of changes of what it asked for, and of nothing else', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a, 'ns/b': b })
    envoy.ask(['ns/b'])
    update({ 'ns/a': [], 'ns/b': b })
    expect(envoy.told).toHaveLength(1)
    update({ 'ns/a': [], 'ns/b': [] })
    expect(envoy.told).toEqual([{ 'ns/b': ['fd00::1 8000'] }, { 'ns/b': [] }])
  })

  test('that accepts a response gets no other one', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a })
    envoy.ask(['ns/a'])
    envoy.ask(['ns/a'])
    expect(envoy.told).toHaveLength(1)
  })

  test('that asks for more is told what is new to it', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a, 'ns/b': b })
    envoy.ask(['ns/a'])
    envoy.ask(['ns/a', 'ns/b'])
    expect(envoy.told).toEqual([{ 'ns/a': ['10.0.0.1 8000'] }, { 'ns/b': ['fd00::1 8000'] }])
  })

  test('whose answer is to an older response is not listened to', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a, 'ns/b': b })
    envoy.ask(['ns/a'])
    update({ 'ns/a': [], 'ns/b': b })
    envoy.ask(['ns/a', 'ns/b'], { age: 1 })
    expect(envoy.told).toHaveLength(2)
    envoy.ask(['ns/a', 'ns/b'])
    expect(envoy.told.at(-1)).toEqual({ 'ns/b': ['fd00::1 8000'] })
  })

  test('gets the endpoints of several pools as one cluster, and none of a pool that is not there', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a, 'ns/b': b })
    envoy.ask(['ns/a,ns/b', 'ns/none'])
    expect(envoy.told).toEqual([{ 'ns/a,ns/b': ['10.0.0.1 8000', 'fd00::1 8000'], 'ns/none': [] }])
  })

  test('that reads slowly is told the last of many changes', () => {
    const { connect, update } = start()
    const envoy = connect()
    update({ 'ns/a': a })
    envoy.isSlow = true
    envoy.ask(['ns/a'])
    for (const changed of [[], a, [], b]) update({ 'ns/a': changed })
    expect(envoy.told).toHaveLength(1)
    envoy.emit('drain')
    expect(envoy.told.slice(1)).toEqual([{ 'ns/a': ['fd00::1 8000'] }])
  })

  test('that asks for what another one has asked for is told the same, and the news once there are some', () => {
    const { connect, update } = start()
    update({ 'ns/a': a })
    const [first, second] = [connect(), connect()]
    first.ask(['ns/a'])
    second.ask(['ns/a'])
    update({ 'ns/a': b })
    expect(first.told).toEqual([{ 'ns/a': ['10.0.0.1 8000'] }, { 'ns/a': ['fd00::1 8000'] }])
    expect(second.told).toEqual(first.told)
  })

  test('makes nobody keep what it no longer asks for', () => {
    const made: string[] = []
    const discovery = new Discovery(typeUrl, pino({ level: 'silent' }))
    const update = () =>
      discovery.update(
        (name) => {
          made.push(name)
          return loadAssignment(name, new Map())
        },
        () => false,
      )
    update()
    const [first, second] = [new Envoy(), new Envoy()]
    for (const envoy of [first, second]) discovery.stream(envoy as unknown as DiscoveryStream)
    first.ask(['ns/a', 'ns/b'])
    second.ask(['ns/a'])
    first.emit('end')
    update()
    second.ask(['ns/a', 'ns/b'])
    expect(made).toEqual(['ns/a', 'ns/b', 'ns/b'])
  })

  test('that refuses a response is told of in the log', () => {
    const { connect, update, lines } = start()
    const envoy = connect()
    update({ 'ns/a': a })
    envoy.ask(['ns/a'])
    envoy.ask(['ns/a'], { error: 'malformed IP address' })
    expect(lines).toMatchObject([{ cause: 'malformed IP address' }])
    expect(envoy.told).toHaveLength(1)
  })

  test('that goes is forgotten; those that stay are sent away at the end', () => {
    const { connect, update, discovery } = start()
    const [gone, stays] = [connect(), connect()]
    for (const envoy of [gone, stays]) envoy.ask(['ns/a'])
    gone.emit('end')
    expect([gone.ended, discovery.streams]).toEqual([true, 1])
    update({ 'ns/a': a })
    expect([gone.told.length, stays.told.length]).toEqual([0, 1])
    discovery.close()
    expect([stays.ended, discovery.streams]).toEqual([true, 0])
  })
})
