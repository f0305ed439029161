import { create } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt'
import type { Endpoint } from '../pool/endpoint.ts'
import { messages } from './messages.ts'
import { poolKeysIn } from './pool-cluster.ts'

/** An endpoint stays the same object while its server stays at its address. */
type Member = Pick<Endpoint, 'address'>

/** Endpoints by pool key; an array is replaced by a change, never altered (LivePools.members). */
export type Members = ReadonlyMap<string, readonly Member[]>

/**
 * The endpoints of a cluster (envoy.config.endpoint.v3.ClusterLoadAssignment). A pool is a locality, each as heavy as the
 * other: which one a request goes to is decided by its pick.
 * @param name of the resource, {@link poolKeysIn}; a pool that is not there has no endpoints
 */
export function loadAssignment(name: string, members: Members): Any {
  // Written here, so that one new Pod among a thousand does not make all of them be written anew.
  const writer = new BinaryWriter().tag(fields.clusterName, WireType.LengthDelimited).string(name)
  for (const key of poolKeysIn(name)) {
    const locality = messages.locality.encode(
      messages.locality.from({ locality: { region: key }, load_balancing_weight: 1 }),
    )
    const content = Buffer.concat([locality, ...(members.get(key) ?? []).map(inLocality)])
    writer.tag(fields.endpoints, WireType.LengthDelimited).bytes(content)
  }
  return create(AnySchema, { typeUrl: messages.loadAssignment.typeUrl, value: writer.finish() })
}

/** Numbers of ClusterLoadAssignment (protos/envoy/config/endpoint/v3/endpoint.proto). */
const fields = { clusterName: 1, endpoints: 2 }

const written = new WeakMap<Member, Buffer>()

/** A LocalityLbEndpoints with this endpoint alone: messages one after the other are one message with all that is in them. */
function inLocality(member: Member): Buffer {
  let bytes = written.get(member)
  if (bytes === undefined) {
    const endpoint = { address: { socket_address: socketAddress(member.address) } }
    bytes = messages.locality.encode(messages.locality.from({ lb_endpoints: [{ endpoint }] }))
    written.set(member, bytes)
  }
  return bytes
}

/** @param address `ip:port` or `[ip]:port` */
function socketAddress(address: string) {
  const colon = address.lastIndexOf(':')
  return { address: address.slice(0, colon).replace(/^\[|\]$/g, ''), port_value: Number(address.slice(colon + 1)) }
}
