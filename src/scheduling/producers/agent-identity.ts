import { z } from 'zod'
import type { SchedulingRequest } from '../plugin.ts'
import { producerKind } from '../plugin-kind.ts'
import { headerName } from './header-name.ts'

/** Headers by which coding agents tell their sessions apart: Claude Code, OpenCode, Codex, older versions of Codex. */
const agentHeaders = ['x-claude-code-session-id', 'x-session-affinity', 'session-id', 'session_id']

const parameters = z.strictObject({
  /** Looked at before those of the known agents, in this order. */
  additionalSessionHeaders: z.array(headerName).default([]),
})

/** The session of the agent that sent the request: the first of the headers that is there. Each is a flow of its own. */
export const agentIdentity = producerKind('agent-identity', parameters, ({ additionalSessionHeaders }) => {
  const headerNames = [...additionalSessionHeaders, ...agentHeaders]
  function sessionOf(request: SchedulingRequest): string | undefined {
    for (const name of headerNames) {
      const value = request.header(name)
      if (value !== undefined && value !== '') return value
    }
    return undefined
  }
  return { headerNames, requestText: sessionOf, fairnessId: sessionOf }
})
