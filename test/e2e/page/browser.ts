import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

/** The Chromium of these tests; undefined where there is none, and then they are skipped. */
export const chromiumPath = [process.env.CHROMIUM_BIN, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find(
  (path) => path !== undefined && existsSync(path),
)
if (chromiumPath === undefined) console.log('skipped (put the path of a Chromium into CHROMIUM_BIN): there is none')

/** Chromium's own sandbox needs rights that containers do not give; the pages are our own. */
export const launchBrowser = (flags: readonly string[] = []): Promise<Browser> =>
  chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-gpu', ...flags] })

/** Resolves when the page shows what is going on. */
export async function untilLive(page: Page): Promise<void> {
  await page.locator('#connection[data-state="live"]').waitFor()
}

/** Bytes of the page's JavaScript that are in use after a collection, and how many nodes its document has. */
export async function pageMemory(page: Page): Promise<{ heapBytes: number; nodes: number }> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  const { nodes } = await session.send('Memory.getDOMCounters')
  await session.detach()
  return { heapBytes: usedSize, nodes }
}
