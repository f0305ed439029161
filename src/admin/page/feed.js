/** @import { HistoryFeed, StateFeed } from '../wire.ts' */

/**
 * @typedef {object} FeedListener
 * @property {(history: HistoryFeed) => void} onHistory at the beginning, and after each new connection
 * @property {(state: StateFeed) => void} onState
 * @property {(state: 'live' | 'lost', text: string) => void} onConnection
 * @property {(why: string) => void} onRefused a token is asked for, or the one that was sent is not good
 */

/** Milliseconds before the first attempt to connect again; twice as long each time. */
const firstDelayMs = 500
const mostDelayMs = 5_000
/** States come every second: after so long without one the connection is as good as gone. */
const silenceMs = 5_000

const tokenKey = 'signalbox-token'

/** @param {string} token */
export function keepToken(token) {
  sessionStorage.setItem(tokenKey, token)
}

/**
 * Asks this server, with the token if there is one.
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export function ask(path, options = {}) {
  const token = sessionStorage.getItem(tokenKey)
  const headers = new Headers(options.headers)
  if (token !== null) headers.set('authorization', `Bearer ${token}`)
  return fetch(path, { ...options, headers, cache: 'no-store' })
}

/**
 * Follows the state, and connects again for as long as the page is open. EventSource could not send a token.
 * @param {FeedListener} listener
 * @returns {() => void} connects at once, where it waits to
 */
export function follow(listener) {
  let delayMs = firstDelayMs
  /** @type {() => void} */
  let hurry = () => {}

  const run = async () => {
    for (;;) {
      const why = await connectOnce(listener, () => {
        delayMs = firstDelayMs
      })
      listener.onConnection('lost', `${why}; next attempt in ${Math.ceil(delayMs / 1000)} s`)
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, delayMs)
        hurry = () => {
          clearTimeout(timer)
          resolve(undefined)
        }
      })
      delayMs = Math.min(2 * delayMs, mostDelayMs)
    }
  }
  void run()
  return () => hurry()
}

/**
 * @param {FeedListener} listener
 * @param {() => void} onOpen
 * @returns {Promise<string>} why it has ended
 */
async function connectOnce(listener, onOpen) {
  const silence = new AbortController()
  const giveUp = () => silence.abort()
  let timer = setTimeout(giveUp, silenceMs)
  try {
    const response = await ask('state/stream', { signal: silence.signal })
    if (response.status === 401 || response.status === 403) {
      listener.onRefused((await response.text()).trim())
      return 'not let in'
    }
    if (!response.ok || response.body === null) return (await response.text()).trim() || `status ${response.status}`
    onOpen()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return 'connection lost'
      clearTimeout(timer)
      timer = setTimeout(giveUp, silenceMs)
      text += value
      const events = text.split('\n\n')
      text = events.pop() ?? ''
      for (const event of events) tell(event, listener)
    }
  } catch {
    return 'connection lost'
  } finally {
    clearTimeout(timer)
    silence.abort()
  }
}

/**
 * @param {string} event
 * @param {FeedListener} listener
 */
function tell(event, listener) {
  const [, name, json] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? []
  if (name === 'history') listener.onHistory(JSON.parse(json))
  else if (name === 'state') {
    listener.onConnection('live', 'live')
    listener.onState(JSON.parse(json))
  }
}
