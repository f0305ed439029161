import { z } from 'zod'
import { isObject } from '../../catalog/resource.ts'
import type { KubeObject } from '../../kubernetes/object.ts'
import type { Place } from '../compiled.ts'
import { configInvalid, Failure, shorten, showFound } from './failure.ts'

/** The ConfigMap of OME, read once. What is wrong with a key counts for the services that need it. */
export type OmeConfig = {
  readonly configMap: KubeObject | undefined
  /** Key `ingress`. */
  readonly ingress: ConfigKey<IngressFields>
  /** Key `deploy`. */
  readonly deploy: ConfigKey<DeployFields>
}

/** What a key says; without values when there is no such key. */
export type ConfigKey<T> = { readonly fields: Partial<T> } | { readonly failure: Failure }

/** As written: neither defaults nor annotations are in it. */
export type IngressFields = Fields<typeof ingressSchema>
type DeployFields = Fields<typeof deploySchema>

type Fields<S extends z.ZodObject> = { readonly [K in keyof z.infer<S>]: NonNullable<z.infer<S>[K]> }

const text = z.string().nullish()
const flag = z.boolean().nullish()

const ingressSchema = z.object({
  ingressGateway: text,
  localGateway: text,
  localGatewayService: text,
  knativeLocalGatewayService: text,
  omeIngressGateway: text,
  ingressDomain: text,
  domainTemplate: text,
  urlScheme: text,
  ingressClassName: text,
  additionalIngressDomains: z.array(z.string()).nullish(),
  pathTemplate: text,
  disableIstioVirtualHost: flag,
  disableIngressCreation: flag,
  enableGatewayAPI: flag,
})

const deploySchema = z.object({ defaultDeploymentMode: text })

export function readOmeConfig(configMap: KubeObject | undefined): OmeConfig {
  return {
    configMap,
    ingress: readKey(configMap, 'ingress', ingressSchema),
    deploy: readKey(configMap, 'deploy', deploySchema),
  }
}

/** As a message names a field of the ConfigMap: it is seldom in the namespace of the service that the message is on. */
export function configFieldName(configMap: KubeObject | undefined, path: string): string {
  if (configMap === undefined) return path
  const { namespace, name } = configMap.metadata
  return `${path} in ConfigMap ${namespace}/${name}`
}

function readKey<S extends z.ZodObject>(
  configMap: KubeObject | undefined,
  key: string,
  schema: S,
): ConfigKey<Fields<S>> {
  try {
    return { fields: configMap === undefined ? {} : readFields(configMap, key, schema) }
  } catch (failure) {
    if (failure instanceof Failure) return { failure }
    throw failure
  }
}

function readFields<S extends z.ZodObject>(configMap: KubeObject, key: string, schema: S): Partial<Fields<S>> {
  const { data } = configMap
  if (data === undefined || data === null) return {}
  const name = configFieldName(configMap, key)
  const at: Place = { object: configMap, path: ['data', key] }
  if (!isObject(data)) throw configInvalid(name, data, 'a ConfigMap whose data is an object', at)
  const written = Object.hasOwn(data, key) ? data[key] : undefined
  if (written === undefined || written === null) return {}
  if (typeof written !== 'string') throw configInvalid(name, written, 'a string that is a JSON object', at)
  const value = parseJson(written, (why) => {
    return new Failure(
      'ConfigInvalid',
      `${name}: found ${showFound(onOneLine(written))}, allowed: a JSON object${why}`,
      at,
    )
  })
  const { data: fields, error } = schema.safeParse(value)
  if (error !== undefined) throw wrongType(configMap, key, value, error.issues[0])
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null)) as Partial<Fields<S>>
}

function parseJson(text: string, refuse: (why: string) => Failure): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    // It quotes the text, line ends and all.
    throw refuse(` (${shorten(onOneLine((error as Error).message))})`)
  }
  if (!isObject(value)) throw refuse('')
  return value
}

const onOneLine = (text: string): string => text.replace(/\s+/g, ' ')

const typeNames: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'true or false',
  array: 'a list of strings',
}

function wrongType(
  configMap: KubeObject,
  key: string,
  value: Readonly<Record<string, unknown>>,
  issue: z.core.$ZodIssue,
): Failure {
  const [field, ...rest] = issue.path as (string | number)[]
  const found = rest.reduce<unknown>((at, segment) => (at as readonly unknown[])[segment as number], value[field])
  const expected = issue.code === 'invalid_type' ? issue.expected : ''
  const name = configFieldName(configMap, [`${key}.${field}`, ...rest.map((index) => `[${index}]`)].join(''))
  const allowed = typeNames[expected] ?? expected
  return configInvalid(name, found, allowed, { object: configMap, path: ['data', key, field, ...rest] })
}
