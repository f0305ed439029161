import { keyOf } from '../../kubernetes/object.ts'
import type { CompiledService, Generated, ServiceCondition } from '../compiled.ts'
import { compareText } from '../precedence.ts'
import { alignColumns } from './columns.ts'
import { explanationLines } from './explanation.ts'
import type { Printout } from './print.ts'
import { describeObject } from './ways.ts'
import { asLine } from './yaml-text.ts'

/** For people: what each object does, what became of each service, and what it was compiled with. Parts without rows are left out. */
export function printTables({ objects, services, explanations }: Printout): string {
  const explained = [...(explanations?.values() ?? [])].map(explanationLines)
  return [objectTable(objects), serviceTable(services), ...explained]
    .filter((lines) => lines.length > 1)
    .map((lines) => lines.map((line) => `${asLine(line)}\n`).join(''))
    .join('\n')
}

/** The objects of a service stand together, services by namespace and name. */
function objectTable(objects: Printout['objects']): string[] {
  const owned = Map.groupBy(objects, (object) => JSON.stringify(ownerOf(object)))
  const rows = [...owned.values()]
    .sort(([a], [b]) => compareOwners(ownerOf(a), ownerOf(b)))
    .flatMap((ofOwner) =>
      ofOwner.flatMap((object, nth) => {
        const { namespace, name } = ownerOf(object)
        return describeObject(object).map((line, index) => [
          nth === 0 && index === 0 ? `${namespace}/${name}` : '',
          ...(index === 0 ? [object.kind, object.metadata.name] : ['', '']),
          line,
        ])
      }),
    )
  return alignColumns([['SERVICE', 'KIND', 'NAME', 'WHAT GOES WHERE'], ...rows])
}

type Owner = { readonly namespace: string; readonly name: string; readonly kind: string }

function ownerOf({ metadata: { namespace, ownerReferences } }: Generated): Owner {
  const [{ kind, name }] = ownerReferences
  return { namespace, name, kind }
}

const compareOwners = (a: Owner, b: Owner): number =>
  compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.kind, b.kind)

/** Conditions that tell whether a service can be reached; the others are beside the point. */
const readyTypes = ['IngressReady', 'HTTPRouteReady', 'Ready']

/** Without its configuration nothing else is known of a service. */
const isConfigMissing = ({ type, status }: ServiceCondition): boolean =>
  type === 'RuntimeConfigReady' && status === 'False'

/** A message may be long, so it has a line of its own. */
function serviceTable(services: readonly CompiledService[]): string[] {
  const rows = services.map(({ service, status }) => {
    const ready =
      status.conditions.find(({ type }) => readyTypes.includes(type)) ?? status.conditions.find(isConfigMissing)
    const others = status.conditions.filter((condition) => condition !== ready)
    return {
      cells: [
        keyOf(service),
        service.kind,
        ready?.status ?? '-',
        ready?.reason ?? '-',
        status.url ?? status.routing?.path ?? '-',
      ],
      notes: [...(ready?.message === undefined ? [] : [ready.message]), ...others.map(describeCondition)],
    }
  })
  const [head, ...lines] = alignColumns([
    ['SERVICE', 'KIND', 'READY', 'REASON', 'URL OR PATH'],
    ...rows.map(({ cells }) => cells),
  ])
  return [head, ...lines.flatMap((line, index) => [line, ...rows[index].notes.map((note) => `    ${note}`)])]
}

function describeCondition({ type, status, reason, message }: ServiceCondition): string {
  return `${[type, status, reason].filter((part) => part !== undefined).join(' ')}${message === undefined ? '' : `: ${message}`}`
}
