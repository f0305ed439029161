import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type GrpcObject, loadPackageDefinition } from '@grpc/grpc-js'
import { loadSync, type PackageDefinition } from '@grpc/proto-loader'

const folder = dirname(fileURLToPath(import.meta.url))

/**
 * The protos as grpc-js clients and test oracles want them. Field names as in the files (snake_case), enums as their
 * names, absent fields absent, bytes as Buffers. Not for the request path, which has its own codec (src/extproc/decode, encode).
 */
export function loadProtos(): { definition: PackageDefinition; grpc: GrpcObject } {
  const definition = loadSync(['envoy/service/ext_proc/v3/external_processor.proto', 'grpc/health/v1/health.proto'], {
    includeDirs: [folder],
    keepCase: true,
    enums: String,
    longs: Number,
    oneofs: true,
  })
  return { definition, grpc: loadPackageDefinition(definition) }
}
