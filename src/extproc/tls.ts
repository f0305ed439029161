import { readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { generate } from 'selfsigned'

export type CertificatePair = { readonly cert: string; readonly key: string }

/** The server's certificate, now and when it changes. */
export type Certificates = {
  readonly current: CertificatePair
  onChange(listener: (pair: CertificatePair) => void): void
  close(): void
}

const selfSignedYears = 10

/** A certificate made for this process. Gateways that speak TLS to an endpoint picker do not verify it. */
export async function selfSignedCertificates(): Promise<Certificates> {
  const notAfterDate = new Date()
  notAfterDate.setFullYear(notAfterDate.getFullYear() + selfSignedYears)
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'signalbox' }], {
    keyType: 'ec',
    curve: 'P-256',
    notAfterDate,
  })
  return { current: { cert, key }, onChange: () => {}, close: () => {} }
}

/** Time for both files of a renewed pair to be in place, milliseconds. */
const settleMs = 200

/**
 * `tls.crt` and `tls.key` of a folder, as a Secret mounts them, read again when they change. A pair that can't be read or
 * does not fit together is reported and the last good one kept.
 * @throws when the first pair is no good
 */
export function folderCertificates(folder: string, report: (problem: string) => void): Certificates {
  const readPart = (name: string): string => {
    const text = readFileSync(join(folder, name), 'utf8')
    // createSecureContext takes an empty one for none.
    if (text === '') throw new Error(`${name} is empty`)
    return text
  }
  const read = (): CertificatePair => {
    const pair = { cert: readPart('tls.crt'), key: readPart('tls.key') }
    createSecureContext(pair)
    return pair
  }
  const listeners: ((pair: CertificatePair) => void)[] = []
  let current = read()
  let timer: NodeJS.Timeout | undefined
  const reload = () => {
    try {
      const pair = read()
      if (pair.cert === current.cert && pair.key === current.key) return
      current = pair
      for (const listener of listeners) listener(pair)
    } catch (error) {
      report(`the certificate in ${folder} can't be used, the last good one stays: ${(error as Error).message}`)
    }
  }
  // The folder is watched, not the files: a Secret's update swaps a symlink beside them.
  const watcher = watch(folder, () => {
    clearTimeout(timer)
    timer = setTimeout(reload, settleMs)
  })
  return {
    get current() {
      return current
    },
    onChange: (listener) => void listeners.push(listener),
    close: () => {
      clearTimeout(timer)
      watcher.close()
    },
  }
}
