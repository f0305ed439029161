import type { KubeObject } from '../../kubernetes/object.ts'
import type { Place, Setting } from '../compiled.ts'
import { type ConfigKey, configFieldName, type IngressFields, type OmeConfig } from './config.ts'
import { annotationsOf, placeOf, textOf } from './text-map.ts'

/** A value that counts, with what a message needs to speak of it. */
export type Effective<T> = {
  readonly value: T
  /** `ome.io/ingress-domain`, `ingress.ingressDomain in ConfigMap ome/inferenceservice-config`. */
  readonly field: string
  /** The field to mend. */
  readonly at: Place
  readonly layer: 'annotation' | 'config' | 'default'
}

type Rule<T> = { readonly default: T; readonly annotations: readonly string[] }
type TextRule = Rule<string> & {
  /** An empty text is a value of its own. Else it counts as absent, in the ConfigMap as in an annotation. */
  readonly mayBeEmpty: boolean
}

const gateway = (name: string): TextRule => ({ default: name, annotations: [], mayBeEmpty: true })

const texts = {
  ingressGateway: gateway('knative-serving/knative-ingress-gateway'),
  localGateway: gateway('knative-serving/knative-local-gateway'),
  localGatewayService: gateway('knative-local-gateway.istio-system.svc.cluster.local'),
  knativeLocalGatewayService: gateway('knative-local-gateway.istio-system.svc.cluster.local'),
  omeIngressGateway: gateway(''),
  ingressDomain: { default: 'example.com', annotations: ['ome.io/ingress-domain'], mayBeEmpty: false },
  domainTemplate: {
    default: '{{ .Name }}.{{ .Namespace }}.{{ .IngressDomain }}',
    annotations: ['ome.io/ingress-domain-template'],
    mayBeEmpty: false,
  },
  urlScheme: { default: 'http', annotations: ['ome.io/ingress-url-scheme'], mayBeEmpty: false },
  ingressClassName: { default: 'istio', annotations: ['ome.io/ingress-class'], mayBeEmpty: false },
  pathTemplate: { default: '', annotations: ['ome.io/ingress-path-template'], mayBeEmpty: true },
} satisfies { readonly [field in keyof IngressFields]?: TextRule }

const flags = {
  disableIstioVirtualHost: { default: false, annotations: ['ome.io/ingress-disable-istio-virtualhost'] },
  // Whichever of the two says true.
  disableIngressCreation: {
    default: false,
    annotations: ['ome.io/disable-ingress', 'ome.io/ingress-disable-creation'],
  },
  enableGatewayAPI: { default: false, annotations: [] },
} satisfies { readonly [field in keyof IngressFields]?: Rule<boolean> }

const additionalIngressDomains: Rule<readonly string[]> = {
  default: [],
  annotations: ['ome.io/ingress-additional-domains'],
}

/**
 * The values that a service is compiled with: annotation, then ConfigMap, then default. Each is looked up when it is needed,
 * so that nobody hears of a fault in one that doesn't matter, and what was looked up is kept for people.
 */
export class Settings {
  readonly #service: KubeObject
  readonly #configMap: KubeObject | undefined
  readonly #ingress: ConfigKey<IngressFields>
  readonly #known = new Map<string, Setting>()

  constructor(service: KubeObject, { configMap, ingress }: OmeConfig) {
    this.#service = service
    this.#configMap = configMap
    this.#ingress = ingress
  }

  /** In the order in which they were looked up. */
  get known(): readonly Setting[] {
    return [...this.#known.values()]
  }

  /** Keeps a value that is looked up elsewhere. */
  note(name: string, value: unknown, from: Setting['from']): void {
    this.#known.set(name, { name, value, from })
  }

  /** @throws Failure when the ConfigMap can't be used, whatever a service needs of it */
  checkConfig(): void {
    this.#config()
  }

  text(field: keyof typeof texts): Effective<string> {
    const rule: TextRule = texts[field]
    const counts = (text: string | undefined) => text !== undefined && (rule.mayBeEmpty || text !== '')
    const config = this.#config()[field]
    const [annotation] = this.#annotations(rule).filter(({ value }) => counts(value))
    return this.#choose(field, rule, annotation, counts(config) ? config : undefined)
  }

  /** Exactly `true` is true; any other annotation is false, and overrides the ConfigMap as well. */
  flag(field: keyof typeof flags): boolean {
    const rule: Rule<boolean> = flags[field]
    const annotations = this.#annotations(rule).map(({ key, value }) => ({ key, value: value === 'true' }))
    const annotation = annotations.find(({ value }) => value) ?? annotations[0]
    return this.#choose(field, rule, annotation, this.#config()[field]).value
  }

  /** Trimmed, without empty ones. */
  additionalIngressDomains(): Effective<readonly string[]> {
    const domains = (texts: readonly string[]) => texts.map((text) => text.trim()).filter((text) => text !== '')
    const [annotation] = this.#annotations(additionalIngressDomains)
      .filter(({ value }) => value !== '')
      .map(({ key, value }) => ({ key, value: domains(value.split(',')) }))
    const config = this.#config().additionalIngressDomains
    return this.#choose('additionalIngressDomains', additionalIngressDomains, annotation, config && domains(config))
  }

  /** @throws Failure when the key `ingress` can't be used */
  #config(): Partial<IngressFields> {
    if ('failure' in this.#ingress) throw this.#ingress.failure
    return this.#ingress.fields
  }

  /** Those that are there, in order. */
  #annotations({ annotations: keys }: Rule<unknown>): readonly Annotation<string>[] {
    const annotations = annotationsOf(this.#service)
    return keys.flatMap((key) => {
      const value = textOf(annotations, key)
      return value === undefined ? [] : [{ key, value }]
    })
  }

  #choose<T>(field: string, rule: Rule<T>, annotation: Annotation<T> | undefined, config: T | undefined): Effective<T> {
    if (annotation !== undefined) {
      const { key, value } = annotation
      const at = placeOf(annotationsOf(this.#service), key)
      this.note(field, value, at)
      return { value, field: key, at, layer: 'annotation' }
    }
    const value = config ?? rule.default
    const at = this.#placeInConfigMap(field, rule)
    const layer = config === undefined ? 'default' : 'config'
    this.note(field, value, layer === 'config' ? at : 'default')
    return { value, field: configFieldName(this.#configMap, `ingress.${field}`), at, layer }
  }

  /** Without a ConfigMap it is the annotation that can mend it. */
  #placeInConfigMap(field: string, { annotations: [key] }: Rule<unknown>): Place {
    if (this.#configMap !== undefined) return { object: this.#configMap, path: ['data', 'ingress', field] }
    return { object: this.#service, path: ['metadata', 'annotations', ...(key === undefined ? [] : [key])] }
  }
}

type Annotation<T> = { readonly key: string; readonly value: T }
