import type { ConversationObserver } from '../extproc/conversation-context.ts'

/** What a further observer is told; `unroutable` is counted, and that is all. */
export type ExchangeObserver = Partial<Pick<ConversationObserver, 'decided' | 'refused' | 'ended' | 'undecided'>>

/** Tells `first` and then each of `others`, in this order. Without others it is `first` itself. */
export function joinObservers(first: ConversationObserver, others: readonly ExchangeObserver[]): ConversationObserver {
  if (others.length === 0) return first
  return {
    unroutable: first.unroutable,
    decided(request, route, flight, heldBytes) {
      first.decided(request, route, flight, heldBytes)
      for (const other of others) other.decided?.(request, route, flight, heldBytes)
    },
    refused(code, request) {
      first.refused(code, request)
      for (const other of others) other.refused?.(code, request)
    },
    ended(request, flight, response) {
      first.ended(request, flight, response)
      for (const other of others) other.ended?.(request, flight, response)
    },
    undecided(request, by, status) {
      first.undecided?.(request, by, status)
      for (const other of others) other.undecided?.(request, by, status)
    },
  }
}
