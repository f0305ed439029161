import { spawnSync } from 'node:child_process'
import { findParts } from './parts.ts'

const { found, missing } = findParts(['SIGNALBOX_ROUTE_CASES'])
if (spawnSync('python3', ['-c', 'import yaml']).status !== 0)
  missing.push('install python3 with PyYAML: it judges route cases')

/**
 * Cases of services and what must come of them, in folders `ome` and `aim`: `input.yaml` and `expected.yaml` each, with
 * compare.py, which judges, beside those folders. What is missing for them, a line each, is why they are skipped.
 */
export const routeCases = { folder: found.SIGNALBOX_ROUTE_CASES, missing }
