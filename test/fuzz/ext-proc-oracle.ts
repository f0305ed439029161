import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { loadProtos } from '../../protos/load.ts'

const service = loadProtos().definition['envoy.service.ext_proc.v3.ExternalProcessor'] as ServiceDefinition
const process: MethodDefinition<object, object> = service.Process

/** proto-loader's codec, which knows the protos and nothing of ours: the oracle of src/extproc. */
export const serializeRequest = (request: object): Buffer => process.requestSerialize(request)
export const deserializeRequest = (bytes: Buffer): object => process.requestDeserialize(bytes)
export const serializeResponse = (response: object): Buffer => process.responseSerialize(response)
export const deserializeResponse = (bytes: Buffer): object => process.responseDeserialize(bytes)

/** One gRPC message: flag, length, bytes. */
export function grpcMessage(bytes: Buffer, flag = 0): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}
