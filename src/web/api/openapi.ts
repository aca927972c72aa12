import { z } from 'zod'
import { classesOf } from './errors.ts'
import type { Operation } from './operation.ts'

type Schema = Readonly<Record<string, unknown>>

export interface Described extends Schema {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly parameters: readonly DescribedParameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<Record<string, DescribedResponse>>
}

interface DescribedParameter extends Schema {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly description?: unknown
}

interface DescribedResponse extends Schema {
  readonly description: string
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>
}

export interface ApiDocument extends Schema {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: {
    readonly headers: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, Schema>>
  }
}

/** PyBossa's error shape, of every refusal. */
const Failure = z.strictObject({
  action: z.string(),
  status: z.literal('failed'),
  status_code: z.int(),
  target: z.string(),
  exception_cls: z.string(),
  exception_msg: z.string(),
})

const FAILURES: Readonly<Record<string, string>> = {
  400: 'A key or value that may not be given',
  401: 'The caller must say who they are',
  403: 'The caller may not',
  404: 'There is no such object or address',
  413: 'The body is too large',
  415: 'A key, argument or value that cannot be understood',
  429: 'Too many requests; X-RateLimit-Reset says when the next may be sent',
  500: 'A fault of the site, which has been noted',
  503: 'Not possible for the moment; Retry-After says when to try again',
}

/** An OpenAPI 3.1 document of operations, from the schemas that validate their requests. */
export function openApiDocument(
  operations: readonly Operation[],
  site: { readonly name: string; readonly url: string },
): ApiDocument {
  const paths: Record<string, Record<string, Described>> = {}
  for (const operation of operations) {
    const path = `/api${operation.path.replace(/:(\w+)/g, '{$1}')}`
    paths[path] = { ...paths[path], [operation.method]: described(operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${site.name} API`,
      version: '1',
      description: "PyBossa's REST API. Every request counts towards the rate limit that its headers tell.",
    },
    servers: [{ url: site.url }],
    security: [{ query: [] }, { header: [] }, {}],
    paths,
    components: {
      schemas: { Failure: schemaOf(Failure, 'output') },
      securitySchemes: {
        query: { type: 'apiKey', in: 'query', name: 'api_key' },
        header: { type: 'apiKey', in: 'header', name: 'Authorization' },
      },
      headers: {
        'X-RateLimit-Limit': { schema: { type: 'integer' }, description: 'Requests in a window.' },
        'X-RateLimit-Remaining': {
          schema: { type: 'integer' },
          description: 'Requests left in this window.',
        },
        'X-RateLimit-Reset': {
          schema: { type: 'integer' },
          description: 'When the next window begins, in seconds since 1970.',
        },
        'X-Consistency-Token': { schema: { type: 'string' }, description: TOKEN },
        'X-Read-Only': {
          schema: { const: 'yes' },
          description: 'Nothing can be stored at the moment, and what is shown may be a moment old.',
        },
      },
    },
  }
}

function described({
  method,
  path,
  summary,
  body,
  isUpload,
  query = {},
  shown,
  mayQueue,
  refusals = {},
}: Operation): Described {
  return {
    operationId: `${method}${path.replace(/\W+(\w)?/g, (_, letter: string | undefined) => letter?.toUpperCase() ?? '')}`,
    tags: [path.split('/')[1] ?? ''],
    summary,
    parameters: [...pathParameters(path), ...queryParameters(query), TOKEN_PARAMETER],
    ...(body ? { requestBody: requestBody(body, isUpload === true) } : {}),
    responses: { ...success(shown), ...(mayQueue ? queued(shown) : {}), ...failures(refusals) },
  }
}

const TOKEN =
  'Told after a write. Whoever sends it along within 30 seconds is shown what was written, wherever it is asked for. ' +
  'By API key, by cookie or as an external person the same caller need not send it.'

const TOKEN_PARAMETER: DescribedParameter = {
  name: 'X-Consistency-Token',
  in: 'header',
  required: false,
  schema: { type: 'string' },
  description: TOKEN,
}

function pathParameters(path: string): DescribedParameter[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(query: Readonly<Record<string, z.ZodType>>): DescribedParameter[] {
  return Object.entries(query).map(([name, schema]) => {
    const { description, ...rest } = schemaOf(schema, 'input')
    return { name, in: 'query', ...(description === undefined ? {} : { description }), schema: rest }
  })
}

function requestBody(body: z.ZodType, isUpload: boolean) {
  const schema = schemaOf(body, 'input')
  const { properties = {} } = schema
  const file = { type: 'string', format: 'binary' }
  const withFile = { ...schema, properties: { ...(properties as Schema), file } }
  return {
    required: true,
    content: {
      'application/json': { schema },
      ...(isUpload ? { 'multipart/form-data': { schema: withFile } } : {}),
    },
  }
}

function success(shown: Operation['shown']): Record<string, DescribedResponse> {
  if (shown === 'nothing') return { 204: { description: 'Done', headers: HEADERS } }
  const content =
    shown === 'text'
      ? { 'text/plain': { schema: { type: 'string' } } }
      : { 'application/json': { schema: schemaOf(shown, 'output') } }
  return { 200: { description: 'Done', headers: HEADERS, content } }
}

function queued(shown: Operation['shown']): Record<string, DescribedResponse> {
  const { 200: done } = success(shown)
  return done ? { 202: { ...done, description: 'A worker will do it' } } : {}
}

const HEADERS = Object.fromEntries(
  [
    'X-RateLimit-Limit',
    'X-RateLimit-Remaining',
    'X-RateLimit-Reset',
    'X-Consistency-Token',
    'X-Read-Only',
  ].map((name) => [name, { $ref: `#/components/headers/${name}` }]),
)

function failures(refusals: Readonly<Record<number, z.ZodType>>): Record<string, DescribedResponse> {
  return Object.fromEntries(
    Object.entries(FAILURES).map(([status, description]) => {
      const other = refusals[Number(status)]
      const ref = { $ref: '#/components/schemas/Failure' }
      const schema = other ? { anyOf: [ref, schemaOf(other, 'output')] } : ref
      const described = `${description} (${classesOf(Number(status)).join(', ')})`
      return [
        status,
        { description: described, headers: HEADERS, content: { 'application/json': { schema } } },
      ]
    }),
  )
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' })
  return rest
}
