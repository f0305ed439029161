import { make, setText, syncChildren } from './dom.js'

/**
 * @template Item
 * @typedef {object} Column
 * @property {string} title
 * @property {boolean} [isNumber]
 * @property {boolean} [isWide] takes a whole line of the card that a row is on a phone
 * @property {(item: Item) => string} [text]
 * @property {(cell: HTMLElement, item: Item) => void} [fill] what is more than text; called when the item is another one
 * @property {(item: Item) => string} [classOf]
 */

/**
 * A table that follows a list. On a phone its rows are cards.
 * @template Item
 */
export class Table {
  #table
  #body = make('tbody', { role: 'rowgroup' })
  #caption = make('caption')
  #none
  /** @type {readonly Column<Item>[]} */
  #columns
  /** @type {(item: Item) => string} */
  #keyOf
  /** What was filled in last, as JSON. @type {WeakMap<Element, string>} */
  #filled = new WeakMap()

  /**
   * @param {HTMLElement} parent
   * @param {string} label
   * @param {string} none what to say when there is nothing
   * @param {(item: Item) => string} keyOf
   * @param {readonly Column<Item>[]} columns
   */
  constructor(parent, label, none, keyOf, columns) {
    this.#columns = columns
    this.#keyOf = keyOf
    const heads = columns.map(({ title, isNumber }) =>
      make('th', { scope: 'col', role: 'columnheader', ...(isNumber && { class: 'number' }) }, title),
    )
    const head = make('thead', { role: 'rowgroup' }, make('tr', { role: 'row' }, ...heads))
    // A table whose rows are displayed as something else says no longer by itself what it is.
    this.#table = make('table', { class: 'cards', role: 'table', 'aria-label': label }, this.#caption, head, this.#body)
    this.#none = make('p', { class: 'none' }, none)
    parent.append(make('div', { class: 'table' }, this.#table, this.#none))
  }

  /**
   * @param {readonly Item[]} items
   * @param {string} note beside the table; '' for none
   */
  show(items, note = '') {
    this.#table.hidden = items.length === 0
    this.#none.hidden = items.length > 0
    this.#caption.hidden = note === ''
    setText(this.#caption, note)
    syncChildren(
      this.#body,
      items,
      this.#keyOf,
      () => this.#row(),
      (row, item) => this.#fillRow(row, item),
    )
  }

  #row() {
    const cells = this.#columns.map(({ title, isNumber, isWide }, i) => {
      const kind = [isNumber ? 'number' : '', isWide ? 'wide' : ''].join(' ').trim()
      return make('td', { role: 'cell', class: kind, ...(i > 0 && { 'data-label': title }) })
    })
    return make('tr', { role: 'row' }, ...cells)
  }

  /**
   * @param {Element} row
   * @param {Item} item
   */
  #fillRow(row, item) {
    const json = JSON.stringify(item)
    if (this.#filled.get(row) === json) return
    this.#filled.set(row, json)
    for (const [i, { text, fill, classOf }] of this.#columns.entries()) {
      const cell = /** @type {HTMLElement} */ (row.children[i])
      if (text !== undefined) setText(cell, text(item))
      fill?.(cell, item)
      if (classOf === undefined) continue
      cell.dataset.kind ??= cell.className
      cell.className = `${cell.dataset.kind} ${classOf(item)}`.trim()
    }
  }
}
