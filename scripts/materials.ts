// What the image is made of, for those who have to know: a bill of materials, and the licence texts that must go with it.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'

/** A package of node_modules, as its package.json names it. */
export type Package = {
  readonly folder: string
  readonly name: string
  readonly version: string
  /** An SPDX expression. */
  readonly license: string
}

/** Every package below a node_modules folder, those inside of others too, by name and version. */
export function packagesBelow(nodeModules: string): Package[] {
  const packages = new Map<string, Package>()
  for (const path of readdirSync(nodeModules, { recursive: true, encoding: 'utf8' })) {
    // What lies deeper in a package are the package.json files of its parts.
    if (!/(^|\/node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path)) continue
    const folder = join(nodeModules, dirname(path))
    const { name, version, license = 'unknown' } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    packages.set(`${name}@${version}`, { folder, name, version, license })
  }
  return [...packages.values()].sort((a, b) => (`${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1))
}

/** A Debian package that shared libraries of the image come from. */
type DebianPackage = { readonly name: string; readonly version: string; readonly architecture: string }

/**
 * The packages that these files were installed by.
 * @throws Error where a file is of none, or the system is no Debian
 */
export function debianPackagesOf(files: readonly string[]): DebianPackage[] {
  const names = new Set(
    files.map((file) => {
      // Packages know their files by the names from before /lib became a link to /usr/lib, or by those from after it.
      for (const path of [file, join('/usr', file), file.replace(/^\/usr/, '')]) {
        const owner = /^(\S+):/.exec(debianQuery('--search', path))
        if (owner !== null) return owner[1]
      }
      throw new Error(`no Debian package has ${file}`)
    }),
  )
  return [...names].sort().map((fullName) => {
    const [name, version, architecture] = debianQuery(
      '--show',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own fields
      '--showformat=${Package} ${Version} ${Architecture}',
      fullName,
    ).split(' ')
    return { name, version, architecture }
  })
}

function debianQuery(...args: string[]): string {
  try {
    return execFileSync('dpkg-query', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 1) return ''
    throw error
  }
}

type Locked = { readonly packages: Readonly<Record<string, { readonly integrity: string }>> }

/**
 * A CycloneDX bill of materials (JSON, 1.6) of these packages, with the digests of the lockfile. It has no time and no serial
 * number: the same image twice is the same bytes twice.
 * @param root of the checkout
 */
export function billOfMaterials(root: string, packages: readonly Package[], debian: readonly DebianPackage[]): string {
  const lock: Locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const digestOf = (folder: string) => {
    const [, base64] = /^sha512-(.+)$/.exec(lock.packages[relative(root, folder)].integrity)!
    return Buffer.from(base64, 'base64').toString('hex')
  }
  const component = (type: string, purl: string, name: string, version: string) => ({
    ...{ type, 'bom-ref': purl, name, version, purl },
  })
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        ...component('application', npmUrl(name, version), name, version),
        licenses: [{ expression: license }],
      },
    },
    components: [
      ...packages.map(({ folder, name, version, license }) => ({
        ...component('library', npmUrl(name, version), name, version),
        licenses: [{ expression: license }],
        hashes: [{ alg: 'SHA-512', content: digestOf(folder) }],
      })),
      ...debian.map(({ name, version, architecture }) => {
        const place = `arch=${architecture}&distro=${debianRelease()}`
        const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${place}`
        return component('library', purl, name, version)
      }),
    ],
  }
  return `${JSON.stringify(bill, undefined, 1)}\n`
}

const npmUrl = (name: string, version: string) => `pkg:npm/${name.replace('@', '%40')}@${version}`

function debianRelease(): string {
  const [, version] = /^VERSION_ID="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  return `debian-${version}`
}

/** All licences of what is not ours: a list of the packages, then the texts that come with each. */
export function licenceTexts(packages: readonly Package[], debian: readonly DebianPackage[]): string {
  const entries = [
    ...packages.map(({ folder, name, version, license }) => ({
      title: `${name} ${version}: ${license}`,
      files: readdirSync(folder)
        .filter((file) => /^(licen[cs]e|copying|copyright|notice)/i.test(file))
        .sort()
        .map((file) => join(folder, file)),
    })),
    ...debian.map(({ name, version }) => ({
      title: `${name} ${version}: see below`,
      files: [join('/usr/share/doc', name, 'copyright')].filter((file) => existsSync(file)),
    })),
  ]
  const texts = entries.map(({ title, files }) => {
    const contents = files.map((file) => `---- ${basename(file)}\n\n${readFileSync(file, 'utf8').trim()}\n`)
    return `==== ${title}\n\n${contents.join('\n')}`
  })
  return `${entries.map(({ title }) => title).join('\n')}\n\n${texts.join('\n')}`
}
