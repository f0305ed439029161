import { parse, stringify } from 'yaml'

/** The files of envoy/, by what `signalbox demo --mode` calls them. */
export const modes = ['full-duplex', 'streamed', 'buffered'] as const
export type Mode = (typeof modes)[number]

/** The ports that stand in the files of envoy/. */
export const gatewayPort = 8080
export const adminPort = 9901
export const extProcPort = 9002

/** An Envoy configuration with other ports; a port that `ports` does not name stays. */
export function withPorts(configuration: string, ports: ReadonlyMap<number, number>): string {
  const replacePort = (key: unknown, value: unknown) =>
    key === 'port_value' ? (ports.get(value as number) ?? value) : value
  return stringify(parse(configuration, replacePort), { aliasDuplicateObjects: false })
}

/** An Envoy configuration whose ext_proc filter shows Signalbox the answers, too: tokens, and times to the first one. */
export function withAnswersSeen(configuration: string): string {
  const showBodies = (key: unknown, value: unknown) =>
    key === 'processing_mode' ? { ...(value as object), response_body_mode: 'STREAMED' } : value
  return stringify(parse(configuration, showBodies), { aliasDuplicateObjects: false })
}
