import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

/** `COPY src src` is `{ name: 'COPY', words: 'src src' }`; ENTRYPOINT and CMD have their list in `words`, too. */
export type Instruction = { readonly name: string; readonly words: string }

/** A stage of the Dockerfile: `FROM from AS name`. */
export type Stage = { readonly name: string; readonly from: string; readonly instructions: readonly Instruction[] }

/** The stages of the Dockerfile, which has no line continuations and no parser directives. */
export function readStages(): Stage[] {
  const stages: { name: string; from: string; instructions: Instruction[] }[] = []
  for (const line of readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, name, words] = /^([A-Z]+) (.+)$/.exec(line)!
    if (name === 'FROM') {
      const [, from, stage] = /^(\S+) AS (\S+)$/.exec(words)!
      stages.push({ name: stage, from, instructions: [] })
    } else stages.at(-1)!.instructions.push({ name, words })
  }
  return stages
}

export function stageNamed(name: string): Stage {
  const stage = readStages().find((stage) => stage.name === name)
  if (!stage) throw new Error(`the Dockerfile has no stage ${name}`)
  return stage
}

export const wordsOf = (stage: Stage, name: string): string[] =>
  stage.instructions.filter((instruction) => instruction.name === name).map(({ words }) => words)

/** The program and arguments that the stage's images start. */
export const entrypoint = (stage: Stage): string[] => JSON.parse(wordsOf(stage, 'ENTRYPOINT')[0]) as string[]
