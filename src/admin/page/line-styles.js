/** Each line differs by its dashes, too. */
export const dashes = [[], [6, 4], [2, 3], [10, 3, 2, 3], [1, 2], [12, 4], [4, 2, 1, 2], [8, 2, 2, 2, 2, 2]]

/**
 * A piece of the line, as the plot draws it.
 * @param {number} i
 */
export function sampleOf(i) {
  const namespace = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(namespace, 'svg')
  for (const [name, value] of Object.entries({ width: '26', height: '8', 'aria-hidden': 'true' }))
    svg.setAttribute(name, value)
  const line = document.createElementNS(namespace, 'line')
  const attributes = {
    x1: '0',
    x2: '26',
    y1: '4',
    y2: '4',
    'stroke-width': '2.5',
    'stroke-dasharray': dashes[i % dashes.length].join(' '),
  }
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, value)
  line.style.stroke = `var(--series-${(i % 8) + 1})`
  svg.append(line)
  return svg
}
