import type { CompiledService, Generated } from '../compiled.ts'
import { type Explanation, explanationLines } from './explanation.ts'
import { asLine, yamlText } from './yaml-text.ts'

/** What `signalbox routes` prints. */
export type Printout = {
  /** In the order of printing. */
  readonly objects: readonly Generated[]
  readonly services: readonly CompiledService[]
  /** Of `services`, where they are asked for. */
  readonly explanations: ReadonlyMap<CompiledService, Explanation> | undefined
}

/** The status of a service as a document: not the service, so it has no spec. */
export function statusDocument({ service, status }: CompiledService) {
  const { apiVersion, kind, metadata } = service
  return { apiVersion, kind, metadata: { name: metadata.name, namespace: metadata.namespace! }, status }
}

/** A YAML stream; explanations are comments above the status of their service. Empty when there is nothing. */
export function printYaml({ objects, services, explanations }: Printout): string {
  const statuses = services.map((compiled) => {
    const explanation = explanations?.get(compiled)
    return (explanation === undefined ? '' : comment(explanation)) + yamlText(statusDocument(compiled))
  })
  return [...objects.map(yamlText), ...statuses].join('---\n')
}

const comment = (explanation: Explanation): string =>
  explanationLines(explanation)
    .map((line) => `${asLine(`# ${line}`)}\n`)
    .join('')

/** A List of the API group v1; explanations are beside its items. */
export function printJson({ objects, services, explanations }: Printout): string {
  const items = [...objects, ...services.map(statusDocument)]
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    items,
    ...(explanations !== undefined && { explanations: [...explanations.values()] }),
  }
  return `${JSON.stringify(list, null, 2)}\n`
}
