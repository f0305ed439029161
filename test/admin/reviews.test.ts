import { beforeEach, describe, expect, test } from 'vitest'
import { maxRememberedReviews, maxReviewsAtOnce, reviewTtlMs } from '../../src/admin/limits.ts'
import { ClusterReviews, metricsAudience } from '../../src/admin/reviews.ts'
import { ManualClock, settled } from '../pool/manual-clock.ts'

let clock: ManualClock
let calls: { path: string; object: Record<string, unknown> }[]
let allowed: boolean
let failure: Error | undefined
/** What the cluster says that the token was reviewed for. */
let reviewedFor: string[] | undefined
let gate: Promise<void>
let reviews: ClusterReviews

beforeEach(() => {
  clock = new ManualClock()
  calls = []
  allowed = true
  failure = undefined
  reviewedFor = undefined
  gate = Promise.resolve()
  const create = async (path: string, object: object) => {
    calls.push({ path, object: object as Record<string, unknown> })
    await gate
    if (failure !== undefined) throw failure
    const user = { username: 'prometheus', uid: 'u1', groups: ['monitoring'], extra: { a: ['b'] } }
    const known = { authenticated: true, user, audiences: reviewedFor }
    return { status: path.endsWith('tokenreviews') ? known : { allowed } } as never
  }
  reviews = new ClusterReviews({ create }, clock)
})

test('asks who it is, then whether they may, as they are known to the cluster', async () => {
  expect(await reviews.review('abc', 'get', '/metrics')).toEqual({ verdict: 'allowed' })
  expect(calls).toEqual([
    {
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      object: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'abc' } },
    },
    {
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      object: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: 'prometheus',
          uid: 'u1',
          groups: ['monitoring'],
          extra: { a: ['b'] },
          nonResourceAttributes: { verb: 'get', path: '/metrics' },
        },
      },
    },
  ])
})

describe('a token that is for metrics alone', () => {
  const tokenFor = (aud: unknown) => ['{}', JSON.stringify({ aud }), ''].map((part) => btoa(part)).join('.')

  test.each([metricsAudience, [metricsAudience], ['others', metricsAudience]])(
    '%j is reviewed as such',
    async (aud) => {
      reviewedFor = [metricsAudience]
      expect(await reviews.review(tokenFor(aud), 'get', '/metrics')).toEqual({ verdict: 'allowed' })
      expect(calls[0].object).toMatchObject({ spec: { audiences: [metricsAudience] } })
    },
  )

  test.each(['others', ['others'], undefined, 7])('%j is not', async (aud) => {
    await reviews.review(tokenFor(aud), 'get', '/metrics')
    expect(calls[0].object).toMatchObject({ spec: { token: tokenFor(aud) } })
    expect(calls[0].object).not.toHaveProperty('spec.audiences')
  })

  test('is unknown where audiences are not looked at', async () => {
    expect(await reviews.review(tokenFor(metricsAudience), 'get', '/metrics')).toEqual({ verdict: 'unknown' })
    expect(calls).toHaveLength(1)
  })
})

describe('an answer', () => {
  test('is remembered for a while, and for that token, verb and path alone', async () => {
    await reviews.review('abc', 'get', '/metrics')
    await clock.advance(reviewTtlMs.allowed - 1)
    await reviews.review('abc', 'get', '/metrics')
    expect(calls).toHaveLength(2)
    await reviews.review('abc', 'post', '/explain')
    expect(calls).toHaveLength(4)
    await clock.advance(1)
    await reviews.review('abc', 'get', '/metrics')
    expect(calls).toHaveLength(6)
  })

  test('that refuses is remembered for a shorter while', async () => {
    allowed = false
    expect(await reviews.review('abc', 'get', '/metrics')).toEqual({ verdict: 'forbidden', user: 'prometheus' })
    allowed = true
    await clock.advance(reviewTtlMs.refused)
    expect(await reviews.review('abc', 'get', '/metrics')).toEqual({ verdict: 'allowed' })
  })

  test('that did not come is not remembered', async () => {
    failure = new Error('connect ECONNREFUSED')
    expect(await reviews.review('abc', 'get', '/metrics')).toEqual({
      verdict: 'unanswered',
      cause: 'connect ECONNREFUSED',
    })
    failure = undefined
    expect(await reviews.review('abc', 'get', '/metrics')).toEqual({ verdict: 'allowed' })
  })

  test('serves all who ask the same at the same time', async () => {
    const answers = [1, 2, 3].map(() => reviews.review('abc', 'get', '/metrics'))
    expect(await Promise.all(answers)).toEqual(new Array(3).fill({ verdict: 'allowed' }))
    expect(calls).toHaveLength(2)
  })
})

test('tokens without end do not make questions without end', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  gate = promise
  const first = Array.from({ length: maxReviewsAtOnce }, (_, i) => reviews.review(`token-${i}`, 'get', '/metrics'))
  expect(await reviews.review('one-more', 'get', '/metrics')).toMatchObject({ verdict: 'unanswered' })
  expect(calls).toHaveLength(maxReviewsAtOnce)
  resolve()
  await Promise.all(first)
})

test('tokens without end do not take memory without end: the oldest go first', async () => {
  for (let i = 0; i <= maxRememberedReviews; i += 1) await reviews.review(`token-${i}`, 'get', '/metrics')
  await settled()
  const before = calls.length
  await reviews.review(`token-${maxRememberedReviews}`, 'get', '/metrics')
  expect(calls).toHaveLength(before)
  await reviews.review('token-0', 'get', '/metrics')
  expect(calls).toHaveLength(before + 2)
})
