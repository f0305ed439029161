import { InvalidArgumentError } from 'commander'
import type { Server } from './peers/server.ts'

/** An option's value as a whole number from 0. */
export function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It has to be a whole number.')
  return Number(text)
}

/** `name=host:port,pid`: an ext_proc server that runs already. */
export function parsePeer(text: string): Server {
  const match = /^([^=,]+)=(.+:\d+),(\d+)$/.exec(text)
  if (!match) throw new InvalidArgumentError('It has to look like name=127.0.0.1:9002,4711 (name, address, pid).')
  const [, name, address, pid] = match
  return { name, address, pid: Number(pid) }
}
