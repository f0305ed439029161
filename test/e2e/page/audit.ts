import type { Page } from 'playwright-core'

/** Texts that are hard to read: with their contrast, where WCAG asks for 4.5, or 3 for large ones. */
export const hardToRead = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    type Colour = readonly number[]
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!
    const read = (css: string): Colour => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = css
      canvas.fillRect(0, 0, 1, 1)
      return [...canvas.getImageData(0, 0, 1, 1).data]
    }
    const light = ([r, g, b]: Colour) => {
      const [x, y, z] = [r, g, b].map((v) =>
        v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
      )
      return 0.2126 * x + 0.7152 * y + 0.0722 * z
    }
    const contrast = (a: Colour, b: Colour) => {
      const [low, high] = [light(a), light(b)].sort((x, y) => x - y)
      return (high + 0.05) / (low + 0.05)
    }
    const groundOf = (element: Element | null): Colour => {
      for (let at = element; at !== null; at = at.parentElement) {
        const ground = read(getComputedStyle(at).backgroundColor)
        if (ground[3] === 255) return ground
      }
      return [255, 255, 255, 255]
    }
    const found: string[] = []
    for (const element of document.querySelectorAll('body *')) {
      const text = [...element.childNodes].filter(({ nodeType }) => nodeType === Node.TEXT_NODE)
      const says = text.map(({ textContent }) => textContent!.trim()).join('')
      if (says === '' || !element.checkVisibility()) continue
      const style = getComputedStyle(element)
      const size = Number.parseFloat(style.fontSize)
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
      const ratio = contrast(read(style.color), groundOf(element))
      if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.tagName} ${says.slice(0, 40)}`)
    }
    for (const line of document.querySelectorAll('.legend line')) {
      const ratio = contrast(read(getComputedStyle(line).stroke), groundOf(line.closest('figure')))
      if (ratio < 3) found.push(`${ratio.toFixed(2)} line of ${line.closest('li')!.textContent}`)
    }
    return found
  })

/** What a screen reader could not name, or a keyboard not reach. */
export const withoutNames = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const found: string[] = []
    for (const input of document.querySelectorAll<HTMLInputElement>('input, textarea, select')) {
      if ((input.labels?.length ?? 0) === 0 && !input.ariaLabel) found.push(`no label: ${input.outerHTML.slice(0, 80)}`)
    }
    for (const element of document.querySelectorAll('button, a, summary, th')) {
      if (element.textContent!.trim() === '') found.push(`says nothing: ${element.outerHTML.slice(0, 80)}`)
    }
    for (const image of document.querySelectorAll('img:not([alt])')) found.push(`no alt: ${image.outerHTML}`)
    for (const element of document.querySelectorAll('[role="img"], section, [role="region"], table')) {
      const by = element.getAttribute('aria-labelledby')
      const name = by === null ? element.ariaLabel : document.getElementById(by)?.textContent
      const caption = element.querySelector('caption')?.textContent
      if (!name && !caption) found.push(`no name: ${element.outerHTML.slice(0, 80)}`)
    }
    const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id)
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) found.push(`twice: #${id}`)
    const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(({ tagName }) => Number(tagName[1]))
    for (const [i, level] of levels.entries())
      if (i > 0 && level > levels[i - 1] + 1) found.push(`a heading skips: h${level}`)
    return found
  })
