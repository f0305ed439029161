import { readdirSync } from 'node:fs'
import type { Plugin } from '../../src/scheduling/plugin.ts'
import type { PluginKind } from '../../src/scheduling/plugin-kind.ts'

const root = new URL('../../src/scheduling/', import.meta.url)

/** Every kind of plugin that a folder of src/scheduling defines, by type. */
export async function kindsIn<P extends Plugin>(folder: string): Promise<(readonly [string, PluginKind<P>])[]> {
  const files = readdirSync(new URL(folder, root))
  const modules = await Promise.all(
    files.map((file) => import(`../../src/scheduling/${folder}/${file.slice(0, -3)}.ts`)),
  )
  const kinds = modules.flatMap((module) => Object.values(module).filter(isKind)) as PluginKind<P>[]
  return kinds.map((kind) => [kind.type, kind] as const)
}

function isKind(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && 'create' in value
}
