import assert from 'node:assert/strict'
import type { Response, Test } from 'supertest'
import type { TestUser } from './app.ts'

export type Body = Record<string, unknown>

/** A request with a person's API key. */
export function by(user: TestUser, request: Test): Test {
  return request.query({ api_key: user.apiKey })
}

/** What a call is refused with, which must have PyBossa's shape: its status, class and message. */
export async function refusal(
  request: Test,
): Promise<{ status: number; errorClass: unknown; message: string; target: unknown; action: unknown }> {
  const response = await request
  const body = response.body as Body
  assert.deepEqual(Object.keys(body).sort(), [
    'action',
    'exception_cls',
    'exception_msg',
    'status',
    'status_code',
    'target',
  ])
  assert.equal(body['status'], 'failed')
  assert.equal(body['status_code'], response.status)
  return {
    status: response.status,
    errorClass: body['exception_cls'],
    message: String(body['exception_msg']),
    target: body['target'],
    action: body['action'],
  }
}

/** Asserts that a call is refused in this way. */
export async function assertRefused(
  request: Test,
  [status, errorClass, message]: readonly [number, string, RegExp?],
): Promise<void> {
  const got = await refusal(request)
  assert.deepEqual([got.status, got.errorClass], [status, errorClass], got.message)
  if (message) assert.match(got.message, message)
}

/** The object that a call answers with. */
export async function bodyOf(request: Test): Promise<Body> {
  return (await request.expect(200)).body as Body
}

/** The objects that a call lists. */
export async function listOf(request: Test): Promise<Body[]> {
  return (await request.expect(200)).body as Body[]
}

/** The rate limit that an answer tells, which every answer of the API has to: whole numbers, the reset to come. */
export function rateOf({ headers }: Response): { limit: number; remaining: number; reset: number } {
  const [limit = NaN, remaining = NaN, reset = NaN] = ['limit', 'remaining', 'reset'].map((name) => {
    const text = String((headers as Record<string, unknown>)[`x-ratelimit-${name}`])
    assert.match(text, /^\d+$/, `X-RateLimit-${name}`)
    return Number(text)
  })
  // When it was said: by now a short window may be over. A request may end within the second in which its window does.
  const said = Date.parse(String((headers as Record<string, unknown>)['date']))
  assert.ok(reset * 1000 >= said, 'the reset is to come')
  assert.ok(remaining <= limit)
  return { limit, remaining, reset }
}
