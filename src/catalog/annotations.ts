import { type DeclaredRollout, readPlan, rolloutAnnotations } from '../rollout/plan.ts'
import type { StickyKey } from './catalog.ts'
import { problemAt, show } from './fields.ts'
import { nearest } from './nearest.ts'
import type { Problem } from './problem.ts'
import type { Origin } from './resource.ts'

const annotationPrefix = 'signalbox.dev/'
const stickyByName = 'signalbox.dev/sticky-by'
/** All that there are; docs/reference.md has a row for each. */
export const annotationNames: readonly string[] = [stickyByName, ...Object.values(rolloutAnnotations)]

/** What the annotations of an InferenceModel or InferenceModelRewrite say. */
export type Annotated = {
  readonly stickyBy: StickyKey | undefined
  readonly rollout: DeclaredRollout | undefined
}

/**
 * Reads the annotations of ours. Another annotation with our prefix, or a value that means nothing, is like an unknown field: without
 * effect. Undefined where they contradict the resource, so that it can't be used.
 * @param splits names of the target models, of each list of them that the resource has
 */
export function readAnnotations(
  annotations: Readonly<Record<string, string>>,
  splits: readonly (readonly string[])[],
  origin: Origin,
  unknown: Problem['severity'],
  problems: Problem[],
): Annotated | undefined {
  const report = (name: string, message: string, severity: Problem['severity']) => {
    problems.push(problemAt(origin, ['metadata', 'annotations', name], message, severity))
  }
  for (const name of Object.keys(annotations)) {
    if (!name.startsWith(annotationPrefix) || annotationNames.includes(name)) continue
    report(name, `unknown annotation, did you mean ${nearest(name, annotationNames) ?? stickyByName}?`, unknown)
  }
  const reading = readPlan(annotations, splits)
  for (const { annotation, message, effect } of reading.problems) {
    switch (effect) {
      case 'no effect':
        report(annotation, message, unknown)
        break
      case 'held':
        report(annotation, `${message}; until this is mended the target keeps the weight that it has`, 'error')
        break
      case 'unusable':
        report(annotation, message, 'error')
    }
  }
  const stickyBy = readStickyBy(annotations[stickyByName])
  if (stickyBy === 'unknown') {
    const message = `found ${show(annotations[stickyByName])}, allowed: user, header/NAME, api-key, prompt-cache-key`
    report(stickyByName, message, unknown)
  }
  if (reading.problems.some(({ effect }) => effect === 'unusable')) return undefined
  return { stickyBy: stickyBy === 'unknown' ? undefined : stickyBy, rollout: reading.rollout }
}

function readStickyBy(value: string | undefined): StickyKey | 'unknown' | undefined {
  switch (value) {
    case undefined:
      return undefined
    case 'user':
    case 'api-key':
    case 'prompt-cache-key':
      return { kind: value }
  }
  // A header name is a token of RFC 9110, section 5.6.2.
  const header = /^header\/([\w!#$%&'*+\-.^`|~]+)$/.exec(value)
  return header === null ? 'unknown' : { kind: 'header', name: header[1].toLowerCase() }
}
