/** Manifests as they stand in files. */
export function poolText(name: string, port: number | string = 8000): string {
  return `apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {name: ${name}}
spec: {selector: {app: ${name}}, targetPortNumber: ${port}, extensionRef: {name: picker}}
`
}

export function modelText(name: string, spec = ''): string {
  return `apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: ${name}}
spec: {modelName: ${name}, poolRef: {name: pool}${spec}}
`
}

export function documents(...texts: readonly string[]): string {
  return texts.join('---\n')
}
