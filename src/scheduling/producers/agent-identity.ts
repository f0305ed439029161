import { z } from 'zod'
import { producerKind } from '../plugin-kind.ts'
import { headerName } from './header-name.ts'

/** Headers by which coding agents tell their sessions apart: Claude Code, OpenCode, Codex, older versions of Codex. */
const agentHeaders = ['x-claude-code-session-id', 'x-session-affinity', 'session-id', 'session_id']

const parameters = z.strictObject({
  /** Looked at before those of the known agents, in this order. */
  additionalSessionHeaders: z.array(headerName).default([]),
})

/** The session of the agent that sent the request: the first of the headers that is there. */
export const agentIdentity = producerKind('agent-identity', parameters, ({ additionalSessionHeaders }) => {
  const headerNames = [...additionalSessionHeaders, ...agentHeaders]
  return {
    headerNames,
    requestText(request) {
      for (const name of headerNames) {
        const value = request.header(name)
        if (value !== undefined && value !== '') return value
      }
      return undefined
    },
  }
})
