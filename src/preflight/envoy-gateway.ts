import type { GatewayEntry, Inventory } from './inventory.ts'

/** Its default; an installation may choose another behind the same domain. */
const controllerDomain = 'gateway.envoyproxy.io/'

/** Whether Envoy Gateway is who serves a Gateway; false where its class is not known. */
export function isEnvoyGateway({ gatewayClasses }: Inventory, { value }: GatewayEntry): boolean {
  const found = gatewayClasses.find(({ name }) => name === value.spec.gatewayClassName)
  return found?.value.spec.controllerName.startsWith(controllerDomain) === true
}

/** Whether an extension server of Envoy Gateway makes clusters of InferencePools; undefined where its configuration is not known. */
export function knowsPools({ extensionManagers, envoyGateways }: Inventory, group: string): boolean | undefined {
  const knows = extensionManagers.some(({ backendResources }) =>
    backendResources.some((each) => each.group === group && each.kind === 'InferencePool'),
  )
  return knows || (envoyGateways.length > 0 ? false : undefined)
}
