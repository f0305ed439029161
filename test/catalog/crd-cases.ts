import {
  adapterMap,
  type Fields,
  model,
  objective,
  poolV1,
  poolV1alpha2,
  rewrite,
  rewriteRule,
  route,
} from './resources.ts'

/** A resource and its problems. An API server with the CRDs accepts those without problems, and those alone. */
export type CrdCase = readonly [what: string, object: Fields, problems?: readonly string[]]

const long = (length: number) => 'x'.repeat(length)
const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`label${index}`, '']))
const picker = (fields: Fields) => poolV1({ endpointPickerRef: { name: 'picker', port: { number: 9002 }, ...fields } })
const extension = (fields: Fields) => poolV1alpha2({ extensionRef: { name: 'picker', ...fields } })
const poolRef = (fields: Fields) => model({ poolRef: { name: 'pool', ...fields } })
const targets = (...targetModels: Fields[]) => model({ targetModels })
const without = (object: Fields, field: string) => {
  const { [field]: _, ...spec } = object.spec as Fields
  return { ...object, spec }
}

const labelValue = 'letters, digits, "-", "_" and "." (a label value)'
const group = 'an API group (a DNS name) or ""'
const kind = 'letters, digits and "-" (a kind)'
const dnsName = 'lower case letters, digits, "-" and "." (a DNS name)'
const dnsLabel = 'lower case letters, digits and "-" (a DNS label)'
const poolGroups = '"inference.networking.k8s.io", "inference.networking.x-k8s.io"'
const failureModes = '"FailOpen", "FailClose"'

export const poolV1Cases: readonly CrdCase[] = [
  ['as it should be', poolV1()],
  ['no spec', { ...poolV1(), spec: undefined }, ['spec: missing, allowed: an object']],

  ['no selector', without(poolV1(), 'selector'), ['spec.selector: missing, allowed: an object']],
  ['no matchLabels', poolV1({ selector: {} }), ['spec.selector.matchLabels: missing, allowed: an object']],
  ['64 labels', poolV1({ selector: { matchLabels: labels(64) } })],
  [
    '65 labels',
    poolV1({ selector: { matchLabels: labels(65) } }),
    ['spec.selector.matchLabels: found 65 labels, allowed: 1 to 64'],
  ],
  [
    'no labels',
    poolV1({ selector: { matchLabels: {} } }),
    ['spec.selector.matchLabels: found 0 labels, allowed: 1 to 64'],
  ],
  ['a label of 63', poolV1({ selector: { matchLabels: { app: long(63) } } })],
  [
    'a label of 64',
    poolV1({ selector: { matchLabels: { app: long(64) } } }),
    ['spec.selector.matchLabels.app: found 64 characters, allowed: 0 to 63'],
  ],
  ['an empty label', poolV1({ selector: { matchLabels: { app: '' } } })],
  ['a label of signs', poolV1({ selector: { matchLabels: { app: 'A.b_c-9' } } })],
  [
    'a label that ends in a sign',
    poolV1({ selector: { matchLabels: { app: 'a-' } } }),
    [`spec.selector.matchLabels.app: found "a-", allowed: ${labelValue}`],
  ],
  [
    'a label that is no text',
    poolV1({ selector: { matchLabels: { app: true } } }),
    ['spec.selector.matchLabels.app: found true, allowed: a string'],
  ],
  [
    'a flat selector',
    poolV1({ selector: { matchLabels: ['app'] } }),
    ['spec.selector.matchLabels: found a list, allowed: an object'],
  ],

  ['no targetPorts', without(poolV1(), 'targetPorts'), ['spec.targetPorts: missing, allowed: a list']],
  ['an empty list of ports', poolV1({ targetPorts: [] }), ['spec.targetPorts: found 0 items, allowed: at least 1']],
  ['8 ports', poolV1({ targetPorts: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => ({ number })) })],
  [
    '9 ports',
    poolV1({ targetPorts: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => ({ number })) }),
    ['spec.targetPorts: found 9 items, allowed: at most 8'],
  ],
  [
    'a port twice',
    poolV1({ targetPorts: [{ number: 1 }, { number: 2 }, { number: 1 }] }),
    ['spec.targetPorts[2].number: found 1 again, allowed: each port once'],
  ],
  ['the lowest and the highest port', poolV1({ targetPorts: [{ number: 1 }, { number: 65_535 }] })],
  ['port 0', poolV1({ targetPorts: [{ number: 0 }] }), ['spec.targetPorts[0].number: found 0, allowed: 1 to 65535']],
  [
    'port 65536',
    poolV1({ targetPorts: [{ number: 65_536 }] }),
    ['spec.targetPorts[0].number: found 65536, allowed: 1 to 65535'],
  ],
  [
    'a port with a fraction',
    poolV1({ targetPorts: [{ number: 80.5 }] }),
    ['spec.targetPorts[0].number: found 80.5, allowed: an integer'],
  ],
  [
    'a port as text',
    poolV1({ targetPorts: [{ number: '8000' }] }),
    ['spec.targetPorts[0].number: found "8000", allowed: an integer'],
  ],
  [
    'a port without a number',
    poolV1({ targetPorts: [{}] }),
    ['spec.targetPorts[0].number: missing, allowed: an integer'],
  ],
  ['a bare port', poolV1({ targetPorts: [8000] }), ['spec.targetPorts[0]: found 8000, allowed: an object']],
  ['null for a port', poolV1({ targetPorts: [null] }), ['spec.targetPorts[0]: found null, allowed: an object']],

  ['http', poolV1({ appProtocol: 'http' })],
  ['h2c', poolV1({ appProtocol: 'kubernetes.io/h2c' })],
  [
    'another protocol',
    poolV1({ appProtocol: 'h2c' }),
    ['spec.appProtocol: found "h2c", allowed: "http", "kubernetes.io/h2c"'],
  ],

  [
    'a picker without port',
    poolV1({ endpointPickerRef: { name: 'picker' } }),
    ['spec.endpointPickerRef.port: missing, required when kind is "Service" (the default)'],
  ],
  [
    'a picker Service without port',
    poolV1({ endpointPickerRef: { name: 'picker', kind: 'Service' } }),
    ['spec.endpointPickerRef.port: missing, required when kind is "Service" (the default)'],
  ],
  ['a picker of another kind without port', poolV1({ endpointPickerRef: { name: 'picker', kind: 'Picker' } })],
  [
    'a picker port out of range',
    picker({ port: { number: 0 } }),
    ['spec.endpointPickerRef.port.number: found 0, allowed: 1 to 65535'],
  ],
  [
    'a picker port without number',
    picker({ port: {} }),
    ['spec.endpointPickerRef.port.number: missing, allowed: an integer'],
  ],
  ['a picker without name', picker({ name: undefined }), ['spec.endpointPickerRef.name: missing, allowed: a string']],
  [
    'a picker with an empty name',
    picker({ name: '' }),
    ['spec.endpointPickerRef.name: found 0 characters, allowed: 1 to 253'],
  ],
  ['a picker with a name of 253', picker({ name: long(253) })],
  [
    'a picker with a name of 254',
    picker({ name: long(254) }),
    ['spec.endpointPickerRef.name: found 254 characters, allowed: 1 to 253'],
  ],
  ['a picker of a group', picker({ group: 'example.com' })],
  [
    'a picker of no group',
    picker({ group: 'Example.com' }),
    [`spec.endpointPickerRef.group: found "Example.com", allowed: ${group}`],
  ],
  ['a picker of no kind', picker({ kind: '-x' }), [`spec.endpointPickerRef.kind: found "-x", allowed: ${kind}`]],
  ['a picker that fails open', picker({ failureMode: 'FailOpen' })],
  ['a picker that fails closed', picker({ failureMode: 'FailClose' })],
  [
    'a picker that fails somehow',
    picker({ failureMode: 'Closed' }),
    [`spec.endpointPickerRef.failureMode: found "Closed", allowed: ${failureModes}`],
  ],
]

export const poolV1alpha2Cases: readonly CrdCase[] = [
  ['as it should be', poolV1alpha2()],
  ['no selector', without(poolV1alpha2(), 'selector'), ['spec.selector: missing, allowed: an object']],
  ['an empty selector', poolV1alpha2({ selector: {} })],
  [
    'a selector as in v1',
    poolV1alpha2({ selector: { matchLabels: { app: 'a' } } }),
    ['spec.selector.matchLabels: found an object, allowed: a string'],
  ],
  [
    'a label that is no text',
    poolV1alpha2({ selector: { app: 1 } }),
    ['spec.selector.app: found 1, allowed: a string'],
  ],
  [
    'a label of 64',
    poolV1alpha2({ selector: { app: long(64) } }),
    ['spec.selector.app: found 64 characters, allowed: 0 to 63'],
  ],
  [
    'a label that begins with a sign',
    poolV1alpha2({ selector: { app: '.a' } }),
    [`spec.selector.app: found ".a", allowed: ${labelValue}`],
  ],
  ['null for a label', poolV1alpha2({ selector: { app: null } })],

  ['no port', without(poolV1alpha2(), 'targetPortNumber'), ['spec.targetPortNumber: missing, allowed: an integer']],
  [
    'null for the port',
    poolV1alpha2({ targetPortNumber: null }),
    ['spec.targetPortNumber: missing, allowed: an integer'],
  ],
  ['the lowest port', poolV1alpha2({ targetPortNumber: 1 })],
  ['the highest port', poolV1alpha2({ targetPortNumber: 65_535 })],
  ['port 0', poolV1alpha2({ targetPortNumber: 0 }), ['spec.targetPortNumber: found 0, allowed: 1 to 65535']],
  [
    'port 65536',
    poolV1alpha2({ targetPortNumber: 65_536 }),
    ['spec.targetPortNumber: found 65536, allowed: 1 to 65535'],
  ],
  [
    'a port as text',
    poolV1alpha2({ targetPortNumber: '8000' }),
    ['spec.targetPortNumber: found "8000", allowed: an integer'],
  ],

  ['no extensionRef', without(poolV1alpha2(), 'extensionRef'), ['spec.extensionRef: missing, allowed: an object']],
  ['an extension without name', extension({ name: undefined }), ['spec.extensionRef.name: missing, allowed: a string']],
  [
    'an extension with an empty name',
    extension({ name: '' }),
    ['spec.extensionRef.name: found 0 characters, allowed: 1 to 253'],
  ],
  ['an extension in full', extension({ group: '', kind: 'Service', portNumber: 9002, failureMode: 'FailOpen' })],
  [
    'an extension of no group',
    extension({ group: 'a_b' }),
    [`spec.extensionRef.group: found "a_b", allowed: ${group}`],
  ],
  [
    'an extension of an empty kind',
    extension({ kind: '' }),
    ['spec.extensionRef.kind: found 0 characters, allowed: 1 to 63'],
  ],
  [
    'an extension with port 0',
    extension({ portNumber: 0 }),
    ['spec.extensionRef.portNumber: found 0, allowed: 1 to 65535'],
  ],
  [
    'an extension that fails somehow',
    extension({ failureMode: 'failopen' }),
    [`spec.extensionRef.failureMode: found "failopen", allowed: ${failureModes}`],
  ],
]

export const modelCases: readonly CrdCase[] = [
  ['as it should be', model()],
  ['no modelName', without(model(), 'modelName'), ['spec.modelName: missing, allowed: a string']],
  ['a modelName that is no text', model({ modelName: 7 }), ['spec.modelName: found 7, allowed: a string']],
  ['a modelName of 256', model({ modelName: long(256) })],
  ['a modelName of 257', model({ modelName: long(257) }), ['spec.modelName: found 257 characters, allowed: 0 to 256']],
  ['a modelName of 256 characters outside the basic plane', model({ modelName: '😀'.repeat(256) })],
  [
    'a modelName of 257 characters outside the basic plane',
    model({ modelName: '😀'.repeat(257) }),
    ['spec.modelName: found 257 characters, allowed: 0 to 256'],
  ],

  ['Critical', model({ criticality: 'Critical' })],
  ['Standard', model({ criticality: 'Standard' })],
  ['Sheddable', model({ criticality: 'Sheddable' })],
  ['null for the criticality', model({ criticality: null })],
  [
    'another criticality',
    model({ criticality: 'critical' }),
    ['spec.criticality: found "critical", allowed: "Critical", "Standard", "Sheddable"'],
  ],

  ['no poolRef', without(model(), 'poolRef'), ['spec.poolRef: missing, allowed: an object']],
  ['a poolRef without name', poolRef({ name: undefined }), ['spec.poolRef.name: missing, allowed: a string']],
  ['a poolRef with an empty name', poolRef({ name: '' }), ['spec.poolRef.name: found 0 characters, allowed: 1 to 253']],
  [
    'a poolRef with a name of 254',
    poolRef({ name: long(254) }),
    ['spec.poolRef.name: found 254 characters, allowed: 1 to 253'],
  ],
  ['a poolRef in full', poolRef({ group: 'inference.networking.x-k8s.io', kind: 'InferencePool' })],
  ['a poolRef to v1', poolRef({ group: 'inference.networking.k8s.io' })],

  ['no targets', targets()],
  ['null for the targets', model({ targetModels: null })],
  ['targets without weights', targets({ name: 'a' }, { name: 'b' })],
  ['targets with null for a weight', targets({ name: 'a', weight: null }, { name: 'b' })],
  ['targets with weights', targets({ name: 'a', weight: 1 }, { name: 'b', weight: 1_000_000 })],
  [
    'a target without weight among others',
    targets({ name: 'a', weight: 1 }, { name: 'b' }),
    ['spec.targetModels[1].weight: missing, allowed: weights for all target models or for none'],
  ],
  ['weight 0', targets({ name: 'a', weight: 0 }), ['spec.targetModels[0].weight: found 0, allowed: 1 to 1000000']],
  [
    'weight 1000001',
    targets({ name: 'a', weight: 1_000_001 }),
    ['spec.targetModels[0].weight: found 1000001, allowed: 1 to 1000000'],
  ],
  [
    'a weight with a fraction',
    targets({ name: 'a', weight: 0.5 }),
    ['spec.targetModels[0].weight: found 0.5, allowed: an integer'],
  ],
  ['a target without name', targets({ weight: 1 }), ['spec.targetModels[0].name: missing, allowed: a string']],
  ['a target with a name of 253', targets({ name: long(253) })],
  [
    'a target with a name of 254',
    targets({ name: long(254) }),
    ['spec.targetModels[0].name: found 254 characters, allowed: 0 to 253'],
  ],
  ['10 targets', targets(...Array.from({ length: 10 }, (_, index) => ({ name: `target${index}` })))],
  [
    '11 targets',
    targets(...Array.from({ length: 11 }, (_, index) => ({ name: `target${index}` }))),
    ['spec.targetModels: found 11 items, allowed: at most 10'],
  ],
  ['null for a target', model({ targetModels: [null] }), ['spec.targetModels[0]: found null, allowed: an object']],
]

const priority = (value: unknown) => objective({ priority: value })
const objectiveOf = (fields: Fields) => objective({ poolRef: { name: 'pool', ...fields } })

export const objectiveCases: readonly CrdCase[] = [
  ['as it should be', objective()],
  ['no priority', priority(undefined)],
  ['null for the priority', priority(null)],
  ['priority 0', priority(0)],
  ['a negative priority', priority(-10)],
  ['a priority of more than 32 bits', priority(-(2 ** 31) - 1)],
  ['a priority with a fraction', priority(0.5), ['spec.priority: found 0.5, allowed: an integer']],
  ['a priority that is no number', priority('1'), ['spec.priority: found "1", allowed: an integer']],
  ['no poolRef', without(objective(), 'poolRef'), ['spec.poolRef: missing, allowed: an object']],
  ['a poolRef without name', objective({ poolRef: {} }), ['spec.poolRef.name: missing, allowed: a string']],
  ['an empty pool name', objectiveOf({ name: '' }), ['spec.poolRef.name: found 0 characters, allowed: 1 to 253']],
  ['a poolRef to v1', objectiveOf({ group: 'inference.networking.k8s.io', kind: 'InferencePool' })],
  ['a poolRef to v1alpha2', objectiveOf({ group: 'inference.networking.x-k8s.io' })],
  ['a group with blanks', objectiveOf({ group: 'a b' }), [`spec.poolRef.group: found "a b", allowed: ${poolGroups}`]],
]

const matching = (fields: unknown) => rewrite([{ matches: [fields], targets: [{ modelRewrite: 'a' }] }])
const into = (...rewriteTargets: Fields[]) => rewrite([{ targets: rewriteTargets }])
const exact = (fields: Fields) => matching({ model: { value: 'a', ...fields } })

export const rewriteCases: readonly CrdCase[] = [
  ['as it should be', rewrite([rewriteRule('a', 'b', 'c'), rewriteRule('d')])],
  ['no poolRef', rewrite([], {}, { poolRef: null }), ['spec.poolRef: missing, allowed: an object']],
  [
    'an empty pool name',
    rewrite([], {}, { poolRef: { name: '' } }),
    ['spec.poolRef.name: found 0 characters, allowed: 1 to 253'],
  ],
  ['no rules', rewrite(undefined), ['spec.rules: missing, allowed: a list']],
  ['an empty list of rules', rewrite([])],
  ['rules that are no list', rewrite({}), ['spec.rules: found an object, allowed: a list']],
  ['null for a rule', rewrite([null]), ['spec.rules[0]: found null, allowed: an object']],
  ['no matches', rewrite([{ targets: [{ modelRewrite: 'a' }] }])],
  ['null for the matches', rewrite([{ matches: null, targets: [{ modelRewrite: 'a' }] }])],
  ['a match without model', matching({}), ['spec.rules[0].matches[0].model: missing, allowed: an object']],
  ['an exact match', exact({ type: 'Exact' })],
  [
    'a match of another type',
    exact({ type: 'Prefix' }),
    ['spec.rules[0].matches[0].model.type: found "Prefix", allowed: "Exact"'],
  ],
  [
    'a match without value',
    matching({ model: { type: 'Exact' } }),
    ['spec.rules[0].matches[0].model.value: missing, allowed: a string'],
  ],
  [
    'a match of nothing',
    exact({ value: '' }),
    ['spec.rules[0].matches[0].model.value: found "", allowed: a model name'],
  ],
  ['a long match', exact({ value: long(300) })],
  ['no targets', into(), ['spec.rules[0].targets: found 0 items, allowed: at least 1']],
  ['a target without name', into({ weight: 1 }), ['spec.rules[0].targets[0].modelRewrite: missing, allowed: a string']],
  ['targets without weights', into({ modelRewrite: 'a' }, { modelRewrite: 'b' })],
  ['targets with weights', into({ modelRewrite: 'a', weight: 1 }, { modelRewrite: 'b', weight: 1_000_000 })],
  [
    'weight 0',
    into({ modelRewrite: 'a', weight: 0 }),
    ['spec.rules[0].targets[0].weight: found 0, allowed: 1 to 1000000'],
  ],
  [
    'weight 1000001',
    into({ modelRewrite: 'a', weight: 1_000_001 }),
    ['spec.rules[0].targets[0].weight: found 1000001, allowed: 1 to 1000000'],
  ],
  [
    'a weight with a fraction',
    into({ modelRewrite: 'a', weight: 0.5 }),
    ['spec.rules[0].targets[0].weight: found 0.5, allowed: an integer'],
  ],
]

/** Accepted by an API server, and of no use: no pool to serve, no model to ask for, or targets that get no requests. */
export const uselessPolicyCases: readonly CrdCase[] = [
  ['an objective without spec', { ...objective(), spec: undefined }, ['spec: missing, allowed: an object']],
  [
    'an objective of what is no pool',
    objectiveOf({ kind: 'Service' }),
    ['spec.poolRef.kind: found "Service", allowed: "InferencePool"'],
  ],
  ['a rewrite without spec', { ...rewrite([]), spec: undefined }, ['spec: missing, allowed: an object']],
  ['targets left out', rewrite([{}]), ['spec.rules[0].targets: missing, allowed: a list']],
  [
    'a target with an empty name',
    into({ modelRewrite: '' }),
    ['spec.rules[0].targets[0].modelRewrite: found "", allowed: a model name'],
  ],
  [
    'a target without weight among others',
    into({ modelRewrite: 'a', weight: 1 }, { modelRewrite: 'b' }),
    ['spec.rules[0].targets[1].weight: missing, allowed: weights for all target models or for none'],
  ],
  [
    'a pool of another group',
    rewrite([], {}, { poolRef: { group: 'example.com', name: 'pool' } }),
    [`spec.poolRef.group: found "example.com", allowed: ${poolGroups}`],
  ],
  [
    'what is no pool',
    rewrite([], {}, { poolRef: { kind: 'Service', name: 'pool' } }),
    ['spec.poolRef.kind: found "Service", allowed: "InferencePool"'],
  ],
]

export const metadataCases: readonly CrdCase[] = [
  ['a name of 253', model({}, { name: long(253) })],
  ['a name of 254', model({}, { name: long(254) }), ['metadata.name: found 254 characters, allowed: 1 to 253']],
  ['a name with dots', model({}, { name: 'a-1.b' })],
  ['a name in upper case', model({}, { name: 'A' }), [`metadata.name: found "A", allowed: ${dnsName}`]],
  ['a name that is no text', model({}, { name: 7 }), ['metadata.name: found 7, allowed: a string']],
  ['no name', model({}, { name: undefined }), ['metadata.name: missing, allowed: a string']],
  ['a namespace', model({}, { namespace: 'default' })],
  ['an empty namespace', model({}, { namespace: '' })],
  [
    'a namespace with a dot',
    model({}, { namespace: 'a.b' }),
    [`metadata.namespace: found "a.b", allowed: ${dnsLabel}`],
  ],
  ['labels and annotations', model({}, { labels: { a: 'b' }, annotations: { c: 'd' } })],
  ['a label that is no text', model({}, { labels: { a: true } }), ['metadata.labels.a: found true, allowed: a string']],
  [
    'an annotation that is no text',
    model({}, { annotations: { 'a.b/c': 1 } }),
    ['metadata.annotations["a.b/c"]: found 1, allowed: a string'],
  ],
  ['a creationTimestamp', model({}, { creationTimestamp: '2026-01-31T12:00:00Z' })],
  ['null for a creationTimestamp', model({}, { creationTimestamp: null })],
  [
    'no time',
    model({}, { creationTimestamp: 'today' }),
    ['metadata.creationTimestamp: found "today", allowed: a time like 2026-01-31T12:00:00Z'],
  ],
  [
    'all that an API server adds',
    model({}, { uid: 'u', resourceVersion: '', generation: 1, finalizers: [], ownerReferences: [], managedFields: [] }),
  ],
]

export const unknownFieldCases: readonly CrdCase[] = [
  [
    'of v1alpha2 in a pool',
    poolV1alpha2({ targetPort: 8000 }),
    ['spec.targetPort: unknown field, did you mean targetPortNumber?'],
  ],
  ['of an extension', extension({ port: 9002 }), ['spec.extensionRef.port: unknown field, did you mean portNumber?']],
  [
    'of v1 in a pool',
    poolV1({ targetPortNumber: 8000 }),
    ['spec.targetPortNumber: unknown field, allowed: selector, targetPorts, appProtocol, endpointPickerRef'],
  ],
  [
    'in a list',
    poolV1({ targetPorts: [{ number: 1, protocol: 'TCP' }] }),
    ['spec.targetPorts[0].protocol: unknown field, allowed: number'],
  ],
  ['in another case', model({ modelname: 'x' }), ['spec.modelname: unknown field, did you mean modelName?']],
  [
    'of a target',
    targets({ name: 'a', wieght: 1 }),
    ['spec.targetModels[0].wieght: unknown field, did you mean weight?'],
  ],
  ['of an objective', objective({ prioriy: 1 }), ['spec.prioriy: unknown field, did you mean priority?']],
  [
    'of a rewrite',
    rewrite([{ match: [], targets: [{ modelRewrite: 'a', wieght: 1 }] }]),
    [
      'spec.rules[0].match: unknown field, did you mean matches?',
      'spec.rules[0].targets[0].wieght: unknown field, did you mean weight?',
    ],
  ],
  ['of the whole', { ...model(), specs: {} }, ['specs: unknown field, did you mean spec?']],
  ['of the metadata', model({}, { anotations: {} }), ['metadata.anotations: unknown field, did you mean annotations?']],
]

const header = (fields: Fields) => route([{ matches: [{ headers: [{ name: 'X', value: 'v', ...fields }] }] }])
const backend = (fields: Fields) =>
  route([{ backendRefs: [{ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'pool', ...fields }] }])

export const routeCases: readonly CrdCase[] = [
  ['a rule without anything', route([{}])],
  ['no rules', route(undefined)],
  ['rules that are no list', route({}), ['spec.rules: found an object, allowed: a list']],
  ['a path and nothing else', route([{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }])],
  ['an exact header', header({ type: 'Exact' })],
  ['a header by pattern', header({ type: 'RegularExpression' })],
  [
    'a header of another type',
    header({ type: 'Prefix' }),
    ['spec.rules[0].matches[0].headers[0].type: found "Prefix", allowed: "Exact", "RegularExpression"'],
  ],
  [
    'a header without value',
    header({ value: undefined }),
    ['spec.rules[0].matches[0].headers[0].value: missing, allowed: a string'],
  ],
  [
    'a header with an empty value',
    header({ value: '' }),
    ['spec.rules[0].matches[0].headers[0].value: found 0 characters, allowed: 1 to 4096'],
  ],
  [
    'a header without name',
    header({ name: undefined }),
    ['spec.rules[0].matches[0].headers[0].name: missing, allowed: a string'],
  ],
  ['a pool', backend({})],
  ['a pool with weight 0', backend({ weight: 0 })],
  ['a pool with the highest weight', backend({ weight: 1_000_000 })],
  [
    'a pool with too high a weight',
    backend({ weight: 1_000_001 }),
    ['spec.rules[0].backendRefs[0].weight: found 1000001, allowed: 0 to 1000000'],
  ],
  [
    'a pool with a negative weight',
    backend({ weight: -1 }),
    ['spec.rules[0].backendRefs[0].weight: found -1, allowed: 0 to 1000000'],
  ],
  [
    'a pool with a weight that is no number',
    backend({ weight: '1' }),
    ['spec.rules[0].backendRefs[0].weight: found "1", allowed: an integer'],
  ],
  [
    'a pool without name',
    backend({ name: undefined }),
    ['spec.rules[0].backendRefs[0].name: missing, allowed: a string'],
  ],
  ['a pool in another namespace', backend({ namespace: 'other' })],
  ['a Service', backend({ group: '', kind: 'Service', port: 80 })],
]

export const adapterMapCases: readonly CrdCase[] = [
  ['a base model and adapters', adapterMap({ baseModel: 'llama', adapters: '- a\n- b' })],
  [
    'text where a boolean was meant',
    adapterMap({ baseModel: true }),
    ['data.baseModel: found true, allowed: a string'],
  ],
  [
    'a list where its text was meant',
    adapterMap({ baseModel: 'llama', adapters: ['a'] }),
    ['data.adapters: found a list, allowed: a string'],
  ],
  [
    'a label without quotes',
    adapterMap({ baseModel: 'llama' }, { labels: { 'inference.networking.k8s.io/bbr-managed': true } }),
    ['metadata.labels["inference.networking.k8s.io/bbr-managed"]: found true, allowed: a string'],
  ],
]
