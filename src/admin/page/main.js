import { showDecisions } from './decisions.js'
import { byId, setText } from './dom.js'
import { startExplaining } from './explain-form.js'
import { follow, keepToken } from './feed.js'
import { duration } from './format.js'
import { showNow } from './now.js'
import { Plots } from './plots.js'
import { Recent } from './recent.js'
import { showSections } from './sections.js'

const recent = new Recent()
const plots = new Plots(byId('figures'))
const signIn = /** @type {HTMLFormElement} */ (byId('sign-in'))
const token = /** @type {HTMLInputElement} */ (byId('token'))
const connection = byId('connection')

const hurry = follow({
  onHistory(history) {
    recent.begin(history)
    plots.draw(recent)
  },
  onState(state) {
    recent.add(state)
    if (document.hidden) return
    const viewers = state.viewers === 1 ? '' : ` · ${state.viewers} viewers`
    setText(byId('about'), `v${state.version} · up ${duration(state.uptimeSeconds)}${viewers}`)
    plots.draw(recent)
    showNow(state, recent)
    showSections(state)
    showDecisions(state.decisions)
  },
  onConnection(state, text) {
    connection.dataset.state = state
    setText(connection, text)
    if (state === 'live') signIn.hidden = true
  },
  onRefused(why) {
    setText(byId('sign-in-why'), why)
    if (!signIn.hidden) return
    signIn.hidden = false
    token.focus()
  },
})

signIn.addEventListener('submit', (event) => {
  event.preventDefault()
  keepToken(token.value.trim())
  token.value = ''
  hurry()
})
startExplaining()
