import { existsSync } from 'node:fs'

/**
 * Real programs that tests and benchmarks run against. None is part of this project; each comes by an environment
 * variable, and what needs a missing one is left out or skipped.
 */
const meanings = {
  KUBEBUILDER_ASSETS: 'the folder with kube-apiserver and etcd (as setup-envtest installs them)',
  SIGNALBOX_CRDS: 'a folder with the CRDs of InferencePool, InferenceObjective and InferenceModelRewrite',
  SIGNALBOX_ROUTE_CASES: 'a folder with cases of routes: ome/, aim/ and compare.py, which judges them',
  REFERENCE_EPP: 'the Go endpoint picker (epp) of gateway-api-inference-extension v1.5',
  REFERENCE_BBR: 'the Go body-based router (bbr) of gateway-api-inference-extension v1.5',
  ENVOY_GATEWAY_BIN: 'Envoy Gateway that can run Envoy on its own host (tried: main of August 2026)',
  H2SPEC: 'h2spec, the conformance test of HTTP/2: go install github.com/summerwind/h2spec/cmd/h2spec@latest',
  LLM_SIM: 'llm-d-inference-sim, a simulated vLLM server',
  EPLOAD: 'the ext_proc load driver epload; without it bench/driver.ts makes the load',
} as const

export type PartName = keyof typeof meanings

/** Paths of the named parts, or what to set: one line a missing part. */
export function findParts<Name extends PartName>(
  names: readonly Name[],
  environment: NodeJS.ProcessEnv = process.env,
): { found: Record<Name, string>; missing: string[] } {
  const found = {} as Record<Name, string>
  const missing: string[] = []
  for (const name of names) {
    const path = environment[name]
    if (!path) missing.push(`set ${name} to ${meanings[name]}`)
    else if (!existsSync(path)) missing.push(`${name}: ${path} does not exist; set it to ${meanings[name]}`)
    else found[name] = path
  }
  return { found, missing }
}

/** The variables and what to set them to, for `--help`. */
export function partsHelp(): string {
  return Object.entries(meanings)
    .map(([name, meaning]) => `  ${name.padEnd(20)} ${meaning}`)
    .join('\n')
}
