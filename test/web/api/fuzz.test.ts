import assert from 'node:assert/strict'
import { Agent, request as ask } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { before, test } from 'node:test'
import fc from 'fast-check'
import { apiOperations } from '../../../src/web/api/api-routes.ts'
import { openApiDocument } from '../../../src/web/api/openapi.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp, TestUser } from '../../support/app.ts'
import { draftProject, publishedProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

/**
 * Requests made from the OpenAPI document, right and wrong ones, hostile ones among them. FUZZ_REQUESTS chooses how
 * many, FUZZ_SEED which.
 */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 1_500)
const AT_ONCE = 8
const SLOW_MS = 2_000

interface Wish {
  method: string
  path: string
  query: [string, string][]
  /** Nothing, or what is sent as the body. */
  body: string | undefined
  contentType: string | undefined
  sender: 'nobody' | 'stranger' | 'owner'
}

interface Reply {
  status: number
  contentType: string
  text: string
  milliseconds: number
}

interface Schema {
  type?: string | string[]
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  items?: Schema
  enum?: unknown[]
}

/** Stands in everything that strangers must not see. */
const SECRET = 'known-to-owners-alone'

const HOSTILE = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b\ufeff',
  "' or 1=1; --",
  '../../../../etc/passwd',
  '%00%ff',
  '{{7*7}}${7*7}<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'NaN',
  '1e309',
  '-1',
  '9223372036854775808',
  '99999999999999999999999999',
  '0x10',
  'true',
  'null',
  '[]',
  '{}',
  '{"a":',
  'a::b|c',
  '::|::',
  '2026-13-99',
  'x'.repeat(5_000),
  'é'.repeat(300),
]

const hostileText = fc.constantFrom(...HOSTILE)
const smallId = fc.integer({ min: -1, max: 12 })
const anyNumber = fc.oneof(
  smallId,
  fc.double(),
  fc.constantFrom(2 ** 53, -(2 ** 53), 2 ** 31, 2 ** 63, 1e308, 0.1, -0),
)
const anyJson = fc.oneof(
  hostileText,
  fc.string({ unit: 'binary' }),
  anyNumber,
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 4 }),
  fc.constant(nested(200)),
)

function nested(depth: number): unknown {
  return depth === 0 ? 'deep' : [nested(depth - 1)]
}

/** Values as a schema wants them. */
function fitting({ type, anyOf, properties, items, enum: choices }: Schema): fc.Arbitrary<unknown> {
  if (choices) return fc.constantFrom(...choices)
  if (anyOf) return fc.oneof(...anyOf.map(fitting))
  switch (type) {
    case 'integer':
      return smallId
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'string':
      return fc.string()
    case 'array':
      return fc.array(fitting(items ?? {}), { maxLength: 5 })
    case 'object':
      return fc.record(
        Object.fromEntries(Object.entries(properties ?? {}).map(([name, one]) => [name, fitting(one)])),
        { requiredKeys: [] },
      )
    default:
      return fc.jsonValue()
  }
}

/** An object as a schema wants it, of which some values are anything and some keys unknown. */
function spoiled(schema: Schema): fc.Arbitrary<unknown> {
  const names = Object.keys(schema.properties ?? {})
  const changes = fc.dictionary(fc.oneof(fc.constantFrom(...names, 'id', 'created'), hostileText), anyJson, {
    maxKeys: 3,
  })
  return fc
    .tuple(fitting(schema), changes)
    .map(([given, changed]) => ({ ...Object(given), ...changed }) as unknown)
}

function bodyOf(schema: Schema): fc.Arbitrary<string | undefined> {
  const written = (value: unknown) => JSON.stringify(value)
  return fc.oneof(
    { weight: 4, arbitrary: fitting(schema).map(written) },
    { weight: 4, arbitrary: spoiled(schema).map(written) },
    { weight: 1, arbitrary: anyJson.map(written) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('', '{', 'null', '[]', '{"info": "\\ud800"}', '\u0000', undefined),
    },
  )
}

/** Wishes for each operation of the document. */
function wishes({ app }: TestApp, shortNames: readonly string[]): fc.Arbitrary<Wish> {
  const { paths } = openApiDocument(apiOperations(app), app.config.site)
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => {
      const names = described.parameters.filter((one) => one.in === 'query').map(({ name }) => name)
      // The shape that schemas have in the document.
      const schema = described.requestBody?.content['application/json']?.schema as Schema | undefined
      const place = fc.oneof(
        { weight: 5, arbitrary: smallId.map(String) },
        { weight: 1, arbitrary: fc.constantFrom(...shortNames) },
        { weight: 1, arbitrary: hostileText },
      )
      const places = [...path.matchAll(/\{\w+\}/g)].map(() => place)
      return fc.record({
        method: fc.oneof(
          { weight: 9, arbitrary: fc.constant(method.toUpperCase()) },
          { weight: 1, arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'PATCH', 'PUT', 'DELETE', 'POST') },
        ),
        path: fc.tuple(...places).map((values) => {
          const rest = [...values]
          return path.replace(/\{\w+\}/g, () => encoded(rest.shift() ?? ''))
        }),
        query: fc.array(
          fc.tuple(
            fc.oneof(
              {
                weight: 5,
                arbitrary: fc.constantFrom(...names, 'limit', 'offset', 'desc', 'orderby', 'all'),
              },
              { weight: 1, arbitrary: hostileText },
            ),
            fc.oneof(hostileText, smallId.map(String), fc.constantFrom(...names, 'x'), fc.string()),
          ),
          { maxLength: 2 },
        ),
        body: schema ? bodyOf(schema) : fc.constantFrom(undefined, undefined, 'null', '{}', '{'),
        contentType: fc.constantFrom(
          'application/json',
          undefined,
          'text/plain',
          'multipart/form-data; boundary=x',
        ),
        sender: fc.constantFrom('nobody', 'stranger', 'owner'),
      })
    }),
  )
  return fc.oneof(...operations)
}

/** Percent encoding that also passes what is no text: half of a surrogate pair. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })

function send(url: string, wish: Wish, key: string | undefined): Promise<Reply> {
  const query = [...wish.query, ...(key === undefined ? [] : [['api_key', key] as const])]
  const search = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&')
  const headers = {
    ...(wish.contentType === undefined ? {} : { 'Content-Type': wish.contentType }),
    // Said of a GET too, where the client would not say it by itself.
    ...(wish.body === undefined ? {} : { 'Content-Length': Buffer.byteLength(wish.body) }),
  }
  const began = performance.now()
  return new Promise((resolve, reject) => {
    const path = `${wish.path}?${search}`
    const request = ask(new URL(url), { agent, method: wish.method, path, headers }, (response) => {
      buffer(response).then((bytes) => {
        resolve({
          status: response.statusCode ?? 0,
          contentType: response.headers['content-type'] ?? '',
          text: bytes.toString(),
          milliseconds: performance.now() - began,
        })
      }, reject)
    })
    request.once('error', reject)
    request.end(wish.body)
  })
}

/** What is wrong with a reply; undefined when nothing is. */
function fault(wish: Wish, { status, contentType, text }: Reply): string | undefined {
  if (status >= 500) return `status ${status}`
  if (wish.sender !== 'owner' && text.includes(SECRET)) return 'shows what only owners know'
  if (text === '' || wish.method === 'HEAD' || (status === 200 && contentType.startsWith('text/')))
    return undefined
  if (!contentType.startsWith('application/json')) return `is ${contentType}`
  try {
    JSON.parse(text)
  } catch {
    return 'is no JSON'
  }
  return undefined
}

const ending = untilFileEnds()
let site: TestApp
let owner: TestUser
let stranger: TestUser
let shortNames: string[]

before(async () => {
  ending.after(() => {
    agent.destroy()
  })
  site = await startTestApp(ending)
  await site.user('admin')
  owner = await site.user('owner')
  stranger = await site.user('stranger')
  const built = [
    await publishedProject(site, owner, { tasks: 4, redundancy: 2 }),
    await draftProject(site, owner, { tasks: 2 }),
    await publishedProject(site, stranger, { tasks: 3 }),
  ]
  shortNames = built.map(({ shortName }) => shortName)
  await rowsOf(site, 'update user_account set full_name = $1, email = $1 where id = $2', [SECRET, owner.id])
  await rowsOf(site, 'update project set webhook = $1 where owner_id = $2', [
    `https://example.org/${SECRET}`,
    owner.id,
  ])
  await rowsOf(site, 'update task set expected_info = to_jsonb($1::text)', [SECRET])
  await rowsOf(site, "update project set info = jsonb_build_object('secret', $1::text) where owner_id = $2", [
    SECRET,
    owner.id,
  ])
})

test('no request that the document allows, or nearly allows, breaks the API, is slow or shows what is private', async () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const all = fc.sample(wishes(site, shortNames), { numRuns: REQUESTS, seed })
  const keys = { nobody: undefined, stranger: stranger.apiKey, owner: owner.apiKey }
  const faults: string[] = []
  const note = (wish: Wish, { text }: Reply, found: string | undefined) => {
    if (found !== undefined)
      faults.push(`${found}: ${JSON.stringify(wish).slice(0, 600)} → ${text.slice(0, 300)}`)
  }
  const slow: Wish[] = []
  const statuses = new Map<number, number>()
  let next = 0
  const lane = async () => {
    for (let wish = all[next++]; wish; wish = all[next++]) {
      const reply = await send(site.url, wish, keys[wish.sender])
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
      note(wish, reply, fault(wish, reply))
      if (reply.milliseconds > SLOW_MS) slow.push(wish)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  // Alone: among others, on a machine that is busy, any may be slow once.
  for (const wish of slow) {
    const reply = await send(site.url, wish, keys[wish.sender])
    const tooSlow = reply.milliseconds > SLOW_MS ? `took ${reply.milliseconds.toFixed(0)} ms` : undefined
    note(wish, reply, fault(wish, reply) ?? tooSlow)
  }
  const told = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`)
  console.log(`${REQUESTS} requests, seed ${seed}; ${told.join(', ')}`)
  assert.deepEqual(faults.slice(0, 5), [], `${faults.length} faults, seed ${seed}`)
})
