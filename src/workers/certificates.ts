import type { CertificatePair, Certificates } from '../extproc/tls.ts'

/** The server's certificate as another process sends it. */
export class SentCertificates implements Certificates {
  #current: CertificatePair
  readonly #listeners: ((pair: CertificatePair) => void)[] = []

  constructor(first: CertificatePair) {
    this.#current = first
  }

  get current(): CertificatePair {
    return this.#current
  }

  take(pair: CertificatePair): void {
    this.#current = pair
    for (const listener of this.#listeners) listener(pair)
  }

  onChange(listener: (pair: CertificatePair) => void): void {
    this.#listeners.push(listener)
  }

  close(): void {
    this.#listeners.length = 0
  }
}
