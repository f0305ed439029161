import { Command } from 'commander'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { define } from '../../src/cli/extension.ts'

/** Why `signalbox extension` refuses its flags. */
async function refusal(...args: string[]): Promise<string> {
  const written: string[] = []
  const command = new Command('extension').exitOverride().configureOutput({ writeErr: (text) => written.push(text) })
  define(command)
  await command.parseAsync(args, { from: 'user' }).catch(() => {})
  return written.join('')
}

describe('an address', () => {
  test.each(['signalbox', 'signalbox:', ':9002', 'signalbox:70000', 'fd00::1:9002', 'signalbox:grpc'])(
    '%s is refused',
    async (address) => {
      expect(await refusal(`--ext-proc-address=${address}`)).toContain(`'${address}' is invalid`)
    },
  )
})

test('defaults are the Services of the namespace that it runs in', () => {
  vi.stubEnv('NAMESPACE', 'inference')
  onTestFinished(() => void vi.unstubAllEnvs())
  const command = new Command('extension')
  define(command)
  expect(command.opts()).toMatchObject({
    extensionPort: 9005,
    endpointDiscoveryAddress: { host: 'signalbox-extension.inference.svc', port: 9005 },
    extProcAddress: { host: 'signalbox.inference.svc', port: 9002 },
    extProcTls: true,
  })
})
