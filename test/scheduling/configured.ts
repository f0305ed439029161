import {
  type ConfigurationContext,
  readConfiguration,
  type SchedulingConfiguration,
} from '../../src/scheduling/configuration.ts'
import { readDocuments } from '../../src/sources/document.ts'

export const configurationContext: ConfigurationContext = {
  nowMs: () => 0,
  staleAfterMs: (thresholdMs) => thresholdMs,
  readDocuments,
}

/** Reads a configuration whose head is left out, from a file `epp.yaml` in which it begins on line 3. */
export function configured(body: string): SchedulingConfiguration {
  const head = 'apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n'
  return readConfiguration(head + body, 'epp.yaml', configurationContext)
}

/** The lines of the error that a configuration gives. */
export function mistakes(body: string): string[] {
  try {
    configured(body)
  } catch (error) {
    return (error as Error).message.split('\n')
  }
  return []
}
