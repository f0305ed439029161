import { byId, make } from './dom.js'
import { explanationOf } from './explanation.js'
import { ask } from './feed.js'

const form = /** @type {HTMLFormElement} */ (byId('explain-form'))
const text = /** @type {HTMLTextAreaElement} */ (byId('explain-text'))
const path = /** @type {HTMLInputElement} */ (byId('explain-path'))
const answer = byId('explain-answer')

/** Makes the form work. */
export function startExplaining() {
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    answer.setAttribute('aria-busy', 'true')
    answer.replaceChildren(await explain())
    answer.removeAttribute('aria-busy')
  })
}

/** @returns {Promise<Node>} */
async function explain() {
  const given = text.value.trim()
  const question = /^(\$ )?curl\s/.test(given)
    ? { curl: given.replace(/^\$ /, '') }
    : { method: 'POST', path: path.value, headers: { 'content-type': 'application/json' }, body: given }
  const response = await ask('explain', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(question),
  }).catch(() => undefined)
  if (response === undefined) return make('p', { class: 'is-bad-text' }, 'Connection lost: try again.')
  if (!response.ok) return make('p', { class: 'is-bad-text' }, messageOf(await response.text()))
  return make('div', { class: 'panel' }, explanationOf(await response.json()))
}

/** @param {string} body of an error */
function messageOf(body) {
  try {
    return JSON.parse(body).error.message
  } catch {
    return body
  }
}
