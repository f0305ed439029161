import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname, join } from 'node:path'

/** A file of the page, as it is sent. */
export type PageFile = { readonly contentType: string; readonly body: Buffer; readonly etag: string }

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The files of the page by path: those of the folder beside this one, and the library that plots. They are the same for everybody. */
export function readPageFiles(): ReadonlyMap<string, PageFile> {
  const folder = join(import.meta.dirname, 'page')
  const files = new Map<string, PageFile>()
  for (const name of readdirSync(folder)) {
    if (Object.hasOwn(contentTypes, extname(name))) files.set(`/${name}`, readPageFile(join(folder, name)))
  }
  files.set('/', files.get('/index.html')!)
  files.delete('/index.html')
  const { resolve } = createRequire(import.meta.url)
  files.set('/uplot.js', readPageFile(resolve('uplot/dist/uPlot.esm.js')))
  files.set('/uplot.css', readPageFile(resolve('uplot/dist/uPlot.min.css')))
  return files
}

function readPageFile(file: string): PageFile {
  const body = readFileSync(file)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { contentType: contentTypes[extname(file)], body, etag }
}
