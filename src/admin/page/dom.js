/** Small tools for the document: text is always set as text, never as markup. */

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found
}

/**
 * Makes an element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(...children)
  return element
}

/**
 * Sets the text of an element where it is another one: what does not change keeps selections, and costs no layout.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

/**
 * Brings children in line with items: those of the same key stay the same elements, so that they keep focus and what is open.
 * @template Item
 * @param {Element} parent
 * @param {readonly Item[]} items
 * @param {(item: Item) => string} keyOf
 * @param {(item: Item) => Element} create
 * @param {(element: Element, item: Item) => void} update
 */
export function syncChildren(parent, items, keyOf, create, update) {
  /** @type {Map<string, Element>} */
  const before = new Map()
  for (const child of parent.children) before.set(child.getAttribute('data-key') ?? '', child)
  /** @type {Element | null} */
  let at = parent.firstElementChild
  for (const item of items) {
    const key = keyOf(item)
    const known = before.get(key)
    const element = known ?? create(item)
    if (known === undefined) element.setAttribute('data-key', key)
    else before.delete(key)
    update(element, item)
    if (element === at) at = at.nextElementSibling
    else parent.insertBefore(element, at)
  }
  for (const element of before.values()) element.remove()
}
