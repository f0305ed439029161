import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { freePorts } from '../../src/demo/free-ports.ts'
import { type Block, type Command, root } from './blocks.ts'

/** What documents take for granted: a shell in a checkout, and what is reached from there. */
export type Surroundings = {
  /** An empty folder. */
  readonly folder: string
  /** What stands for what documents call `127.0.0.1:PORT` or `localhost:PORT`: that port here. */
  readonly ports: ReadonlyMap<number, number>
  readonly environment: Readonly<Record<string, string>>
  /** Paths of programs that may not be on PATH, by name. */
  readonly programs: Readonly<Record<string, string>>
}

/** What a reader of the documents has in a checkout. */
const checkout = ['deploy', 'docs', 'envoy', 'examples', 'package.json', 'Dockerfile']

const killAfterMs = 90_000

/**
 * Makes a checkout in `folder`/signalbox. Its commands are the real ones, but that servers take free ports and go on beside the
 * shell, that curl finds what stands for the ports of documents, and that Envoy validates its configuration and ends.
 */
export async function makeCheckout({ folder, ports, programs }: Surroundings): Promise<string> {
  const home = join(folder, 'signalbox')
  mkdirSync(join(home, 'bin'), { recursive: true })
  for (const name of checkout) symlinkSync(join(root, name), join(home, name))
  const tools = join(folder, 'tools')
  mkdirSync(tools)
  const write = (path: string, text: string) => {
    writeFileSync(path, `#!/bin/bash\n${text}`)
    chmodSync(path, 0o755)
  }
  const [grpc, health, metrics] = await freePorts(3)
  const launcher = join(root, 'bin', 'signalbox')
  const shared = `--grpc-health-port=${health} --metrics-port=${metrics}`
  write(
    join(home, 'bin', 'signalbox'),
    `${[...ports].map(([port, here]) => `set -- "\${@//127.0.0.1:${port}/127.0.0.1:${here}}"`).join('\n')}
case $1 in
serve) set -- "$@" --host=127.0.0.1 --grpc-port=${grpc} ${shared} ;;
controller|extension) set -- "$@" ${shared} ;;
rollout)
  [ "$2" = drive ] || exec ${launcher} "$@"
  ${launcher} "$@" > ${join(folder, 'driver.log')} 2>&1 & program=$!
  until grep -q 'driving rollouts' ${join(folder, 'driver.log')}; do
    kill -0 $program || { cat ${join(folder, 'driver.log')}; exit 1; }
    sleep 0.1
  done
  exit ;;
*) exec ${launcher} "$@" ;;
esac
${launcher} "$@" > ${join(folder, 'server.log')} 2>&1 & program=$!
until ${programs.curl} --silent --fail --output /dev/null http://127.0.0.1:${metrics}/metrics; do
  kill -0 $program || { cat ${join(folder, 'server.log')}; exit 1; }
  sleep 0.1
done
`,
  )
  symlinkSync(join(home, 'bin', 'signalbox'), join(tools, 'signalbox'))
  const detours = [...ports].flatMap(([port, here]) =>
    ['127.0.0.1', 'localhost'].map((host) => `--connect-to ${host}:${port}:127.0.0.1:${here}`),
  )
  write(join(tools, 'curl'), `exec ${programs.curl} --fail-with-body ${detours.join(' ')} "$@"\n`)
  if (programs.envoy) write(join(tools, 'envoy'), `exec ${programs.envoy} "$@" --mode validate\n`)
  for (const name of ['helm', 'kubectl']) if (programs[name]) symlinkSync(programs[name], join(tools, name))
  return home
}

/** Saves what documents show under a name: a block whose first line is a comment with a path and nothing else. */
export function saveFiles(home: string, blocks: readonly Block[]): void {
  for (const { text } of blocks) {
    const [, path] = /^# (\S+\.ya?ml)\n/.exec(text) ?? []
    if (path === undefined) continue
    mkdirSync(dirname(join(home, path)), { recursive: true })
    writeFileSync(join(home, path), text)
  }
}

export type Outcome = { readonly command: Command; readonly exitCode: number; readonly printed: string }

/** Runs commands one after the other in one shell, as a reader does. What they have started ends with the last of them. */
export async function runCommands(
  home: string,
  commands: readonly Command[],
  { folder, environment }: Surroundings,
): Promise<Outcome[]> {
  const mark = (i: number) => `@@@ ${i} `
  const lines = commands.flatMap(({ text }, i) => [text, `printf '\\n%s%s\\n' '${mark(i)}' $?`])
  const script = ['exec 2>&1 < /dev/null', ...lines].join('\n')
  const path = `${join(folder, 'tools')}:${process.env.PATH}`
  const env = { ...process.env, ...environment, PATH: path }
  // In a session of its own, which ends as a whole.
  const shell = spawn('bash', ['-c', script], { cwd: home, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const end = () => {
    try {
      process.kill(-shell.pid!, 'SIGKILL')
    } catch {
      // All of it has ended.
    }
  }
  const patience = setTimeout(end, killAfterMs)
  let output = ''
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  await new Promise((resolve) => shell.once('exit', resolve))
  clearTimeout(patience)
  end()
  return commands.map((command, i) => {
    const begin = i === 0 ? 0 : output.indexOf('\n', output.indexOf(mark(i - 1)))
    const [, printed, code] = new RegExp(`^(.*?)\\n${mark(i)}(\\d+)`, 's').exec(output.slice(begin)) ?? []
    if (code === undefined) return { command, exitCode: Number.NaN, printed: output.slice(begin) }
    return { command, exitCode: Number(code), printed }
  })
}
