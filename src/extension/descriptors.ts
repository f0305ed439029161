import { join } from 'node:path'
import { create, createFileRegistry, type FileRegistry, fromBinary } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { loadSync } from '@grpc/proto-loader'

/** Beside `src`, in a checkout and in the image. */
const protoFolder = join(import.meta.dirname, '../../protos')

/**
 * The messages of these files of `protos/` and of all that they import, for a runtime that keeps the fields which the files
 * leave out: Envoy's messages pass through here with more in them than is read.
 */
export function loadDescriptors(files: readonly string[]): FileRegistry {
  const definitions = Object.values(loadSync([...files], { includeDirs: [protoFolder], keepCase: true }))
  // Each message comes with the descriptors of all files.
  const message = definitions.find((definition) => 'fileDescriptorProtos' in definition)!
  const descriptors = (message.fileDescriptorProtos as Buffer[]).map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  )
  qualifyTypeNames(descriptors)
  return createFileRegistry(create(FileDescriptorSetSchema, { file: inOrderOfDependency(descriptors) }))
}

/**
 * The loader names types relative to where they are used and leaves dependencies out; a registry wants full names. Protobuf's
 * rule: the innermost scope that has the name counts.
 */
function qualifyTypeNames(files: readonly FileDescriptorProto[]): void {
  const messages = files.flatMap((file) => file.messageType.flatMap((message) => withNested(file, message)))
  const fileOf = new Map<string, FileDescriptorProto>()
  for (const file of files) {
    for (const { name } of file.enumType) fileOf.set(`.${file.package}.${name}`, file)
    // Methods are defined where they are served; of the files only the messages are taken.
    file.service = []
  }
  for (const { file, name, message } of messages) {
    fileOf.set(name, file)
    for (const nested of message.enumType) fileOf.set(`${name}.${nested.name}`, file)
  }
  for (const { file, name, message } of messages) {
    for (const field of message.field.filter(({ typeName }) => typeName !== '')) {
      const candidates = scopesOf(name).map((scope) => `${scope}.${field.typeName}`)
      field.typeName = candidates.find((candidate) => fileOf.has(candidate))!
      const definedIn = fileOf.get(field.typeName)!
      if (definedIn !== file && !file.dependency.includes(definedIn.name)) file.dependency.push(definedIn.name)
    }
  }
}

type Scoped = { readonly file: FileDescriptorProto; readonly name: string; readonly message: DescriptorProto }

/** A message and those in it, by full name with a leading dot. */
function withNested(file: FileDescriptorProto, message: DescriptorProto, scope = `.${file.package}`): Scoped[] {
  const name = `${scope}.${message.name}`
  return [{ file, name, message }, ...message.nestedType.flatMap((nested) => withNested(file, nested, name))]
}

/** `.a.b.C` → `.a.b.C`, `.a.b`, `.a`, and nothing. */
function scopesOf(scope: string): string[] {
  const parts = scope.split('.')
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('.'))
}

function inOrderOfDependency(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>()
  const add = (file: FileDescriptorProto) => {
    if (ordered.has(file)) return
    for (const name of file.dependency) add(files.find((other) => other.name === name)!)
    ordered.add(file)
  }
  for (const file of files) add(file)
  return [...ordered]
}
