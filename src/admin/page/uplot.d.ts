/** Served from the package's folder: see page-files.ts. */
export { default } from 'uplot'
