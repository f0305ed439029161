import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { envoy } from './envoy.ts'
import { hardToRead, withoutNames } from './page/audit.ts'
import { chromiumPath, launchBrowser, untilLive } from './page/browser.ts'
import { type Fleet, startFleet, startTraffic } from './page/fleet.ts'

describe.skipIf(envoy === undefined || chromiumPath === undefined)('the admin page in a real browser', () => {
  let folder: string
  let fleet: Fleet
  let stopTraffic: () => void
  let browser: Browser
  let page: Page
  /** What the console of the page says, and the hosts that it asks. */
  let complaints: string[]
  let hosts: Set<string>

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'signalbox-page-'))
    writeFileSync(join(folder, 'token'), 's3cret\n')
    fleet = await startFleet('instant', { serveFlags: [`--metrics-token-file=${join(folder, 'token')}`] })
    stopTraffic = startTraffic(fleet.scene, () => 20)
    browser = await launchBrowser(['--host-resolver-rules=MAP signalbox.example 127.0.0.1'])
    page = await browser.newPage({ viewport: { width: 1400, height: 900 } })
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => hosts.add(new URL(request.url()).hostname))
  })

  afterAll(async () => {
    stopTraffic?.()
    await browser?.close()
    await fleet?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  beforeEach(async () => {
    complaints = []
    hosts = new Set()
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
    await page.goto(fleet.pageUrl)
    await untilLive(page)
  })

  /** Fails tests whose page complains, or asks anything but this machine. */
  afterEach(() => {
    expect(complaints).toEqual([])
    expect([...hosts].filter((host) => host !== '127.0.0.1' && host !== 'signalbox.example')).toEqual([])
  })

  const figure = (name: string) => page.locator(`figure[data-plot="${name}"]`)
  const legendOf = (name: string, i: number) => figure(name).locator('.legend b').nth(i).textContent()

  test('draws a plot of each kind, and says its figures beside it', async () => {
    await expect.poll(() => page.locator('figure canvas').count()).toBe(8)
    await expect.poll(async () => Number(await legendOf('requests', 0))).toBeGreaterThan(5)
    await expect.poll(() => legendOf('ttft', 0)).toMatch(/^\d+ ms$/)
    await expect.poll(() => coloursIn(page, 'requests')).toBeGreaterThan(50)
    const names = await figure('picks').locator('.legend .name').allTextContents()
    expect(names.sort()).toEqual(['qwen-0', 'qwen-1', 'qwen-2'])
    await figure('requests').locator('summary').press('Enter')
    await expect.poll(() => figure('requests').locator('tbody td').count()).toBe(3)
  })

  test('follows the state: pools, endpoints, models with their weights', async () => {
    const row = (table: string, text: string) => page.locator(`#${table}-table tr`, { hasText: text })
    await expect.poll(() => row('pools', 'default/pool').textContent()).toMatch(/default\/pool.*3/)
    await expect.poll(() => row('endpoints', 'qwen-1').textContent()).toContain('ok')
    const canary = row('models', 'InferenceModel default/travel-helper')
    await expect.poll(() => canary.textContent()).toMatch(/travel-helper-v1 90 %.*travel-helper-v2 10 %/)
    await page.getByLabel('Search').last().fill('assist')
    await expect.poll(() => page.locator('#models-table tbody tr').count()).toBe(1)
    await page.getByLabel('Search').last().fill('')
    await expect.poll(() => page.locator('#models-table tbody tr').count()).toBe(2)
  })

  test('opens a decision by keyboard, and keeps it open while others come', async () => {
    const first = page.locator('#decisions details').first()
    await first.locator('> summary').focus()
    await page.keyboard.press('Enter')
    const answer = first.locator('.explanation .answer')
    await expect.poll(() => answer.textContent()).toContain('goes to qwen-')
    expect(await first.locator('.explanation table').textContent()).toContain('picked')
    const said = await answer.textContent()
    await untilNextState(page)
    expect(await answer.textContent()).toBe(said)
  })

  test('explains a request that is pasted, a body as a curl line', async () => {
    const ask = async (text: string) => {
      await page.getByLabel('The body of a request, or a curl line').fill(text)
      await page.getByRole('button', { name: 'Explain' }).press('Enter')
      return page.locator('#explain-answer .answer, #explain-answer > p')
    }
    const answer = await ask('{"model": "assistant", "messages": []}')
    await expect.poll(() => answer.textContent()).toContain('goes to qwen-')
    await ask(`curl http://localhost/v1/chat/completions -d '{"model": '`)
    await expect.poll(() => answer.textContent()).toContain('400')
  })

  test('shows a resource that is wrong, with its place', async () => {
    const { resources } = fleet.scene.files
    const before = await readFile(resources, 'utf8')
    const wrong = {
      apiVersion: 'inference.networking.x-k8s.io/v1alpha2',
      kind: 'InferenceModel',
      metadata: { name: 'x' },
    }
    await appendFile(resources, `---\n${JSON.stringify(wrong)}\n`)
    await expect
      .poll(() => page.locator('.problem-row').first().textContent())
      .toMatch(/error.*resources\.yaml:\d+:\d+/)
    expect(await page.locator('#alarm').isVisible()).toBe(true)
    await writeFile(resources, before)
    await expect.poll(() => page.locator('.problem-row').count()).toBe(0)
  })

  test.each(['light', 'dark'] as const)('is readable when it is %s, and everything has a name', async (colorScheme) => {
    await page.emulateMedia({ colorScheme })
    await page.locator('#decisions details > summary').first().click()
    await page.locator('.explanation').first().waitFor()
    expect(await hardToRead(page)).toEqual([])
    expect(await withoutNames(page)).toEqual([])
  })

  test('has all of its parts on a phone, and nothing to scroll sideways', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    await page.locator('#decisions details > summary').first().click()
    await page.locator('.explanation').first().waitFor()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    for (const id of ['plots', 'pools', 'endpoints', 'models', 'decisions', 'explain', 'problems']) {
      expect([id, await page.locator(`#${id}`).isVisible()]).toEqual([id, true])
    }
    await page.setViewportSize({ width: 1400, height: 900 })
  })

  test('is walked through by keyboard from the top, and shows where one is', async () => {
    await page.locator('body').press('Tab')
    const focused = () => page.evaluate(() => document.activeElement!.textContent!.trim())
    expect(await focused()).toBe('Skip to the content')
    const passed: string[] = []
    for (let i = 0; i < 7; i += 1) {
      await page.keyboard.press('Tab')
      passed.push(await focused())
    }
    expect(passed).toEqual(['Plots', 'Pools', 'Endpoints', 'Models', 'Decisions', 'Explain', 'Problems'])
    expect(await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle)).toBe('solid')
  })

  test('asks for a token under any name but those of this machine, and keeps it for the tab alone', async () => {
    const url = fleet.pageUrl.replace('127.0.0.1', 'signalbox.example')
    await page.goto(url)
    await page.getByLabel('Bearer token').waitFor()
    expect(await page.locator('#sign-in-why').textContent()).toContain('asks for a bearer token')
    await page.getByLabel('Bearer token').fill('wrong')
    await page.keyboard.press('Enter')
    await expect.poll(() => page.locator('#sign-in-why').textContent()).toContain('is not accepted')
    await page.getByLabel('Bearer token').fill('s3cret')
    await page.keyboard.press('Enter')
    await untilLive(page)
    expect(await page.locator('#sign-in').isVisible()).toBe(false)
    expect(page.url()).toBe(url)
    expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, ''])
    // The browser itself complains of each 401.
    complaints = complaints.filter((text) => !text.includes('401'))
  })

  test('says that the connection is lost, and comes back by itself', async () => {
    const [{ part }] = fleet.scene.replicas
    await part.end('SIGKILL')
    await page.locator('#connection[data-state="lost"]').waitFor()
    expect(await page.locator('#connection').textContent()).toContain('connection lost')
    await part.start()
    await untilLive(page)
    complaints = complaints.filter((text) => !text.includes('ERR_'))
  })
})

/** Pixels of a plot that are neither its ground nor grey: those of lines. */
const coloursIn = (page: Page, plot: string): Promise<number> =>
  page.evaluate((name) => {
    const canvas = document.querySelector<HTMLCanvasElement>(`figure[data-plot="${name}"] canvas`)!
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
    let coloured = 0
    for (let i = 0; i < data.length; i += 4) {
      const spread = Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2])
      if (data[i + 3] > 200 && spread > 60) coloured += 1
    }
    return coloured
  }, plot)

/** Resolves when the page has been told of another second. */
async function untilNextState(page: Page): Promise<void> {
  const now = await page.locator('#about').textContent()
  await expect.poll(() => page.locator('#about').textContent()).not.toBe(now)
}
