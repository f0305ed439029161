/**
 * Makes the pictures of the admin page anew: docs/images/page-*.png.
 *   npm run screenshots -- [--seconds 300]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { launchBrowser, untilLive } from '../test/e2e/page/browser.ts'
import { startFleet, startTraffic } from '../test/e2e/page/fleet.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '300' } } })
const folder = join(import.meta.dirname, '..', 'docs', 'images')

/** A canary on its way, as the controller would have written it. */
const rollout = [
  {
    apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
    kind: 'InferenceModel',
    metadata: {
      name: 'writer',
      namespace: 'default',
      annotations: {
        'signalbox.dev/sticky-by': 'user',
        'signalbox.dev/rollout-steps': '0.5% for 5m, 5% for 10m, 25% for 10m, 100%',
      },
    },
    spec: {
      modelName: 'writer',
      criticality: 'Standard',
      poolRef: { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'pool' },
      targetModels: [{ name: 'travel-helper-v1' }, { name: 'travel-helper-v2' }],
    },
  },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'signalbox-rollouts',
      namespace: 'default',
      labels: { 'signalbox.dev/rollouts': 'true' },
    },
    data: {
      'inferencemodel.writer': JSON.stringify({
        target: 'travel-helper-v2',
        weightPercent: 25,
        phase: 'Progressing',
        step: 2,
        message: 'travel-helper-v2 has 25 %, next 100 % in 6 min: as good as travel-helper-v1 so far',
      }),
    },
  },
]

/** What is in each picture: the top of the page, or from a section on. */
const pictures = [
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 860, from: '#main' },
  { name: 'light', colorScheme: 'light', width: 1280, height: 860, from: '#models' },
  { name: 'phone', colorScheme: 'dark', width: 360, height: 780, from: '#main' },
] as const

// The page shows where resources stand: a short path, as people have it.
const work = mkdtempSync(join(tmpdir(), 'signalbox-screenshots-'))
process.chdir(work)
const fleet = await startFleet('8b-h100', { resources: rollout, resourcesFolder: 'models', kvBlocks: 90 })
// Waves, as of people who come and go.
const stopTraffic = startTraffic(fleet.scene, () => 24 + 10 * Math.sin(performance.now() / 12_000))
const browser = await launchBrowser()
try {
  mkdirSync(folder, { recursive: true })
  await sleep(1000 * Number(values.seconds))
  for (const { name, colorScheme, width, height, from } of pictures) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: 'reduce' })
    await page.goto(fleet.pageUrl)
    await untilLive(page)
    if (from !== '#main') {
      await page.locator('#decisions details > summary').first().click()
      await page.locator('.explanation').waitFor()
      await page.evaluate(`document.querySelector('${from}').scrollIntoView()`)
    }
    // Two states, for the figures beside the plots.
    await sleep(2_000)
    const path = join(folder, `page-${name}.png`)
    await page.screenshot({ path })
    await page.close()
    console.log(path)
  }
} finally {
  stopTraffic()
  await browser.close()
  await fleet.stop()
  rmSync(work, { recursive: true })
}
