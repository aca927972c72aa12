import { Router } from '@koa/router'
import type { RequestState } from '../../http/state.ts'
import type { View, Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import type { ApiDocument, Described } from '../api/openapi.ts'

/** The API for people to read: what its OpenAPI document says. */
export function apiHelpRoutes(app: App, views: Views, document: ApiDocument): Router<RequestState> {
  const router = new Router<RequestState>()
  const api = `${app.config.site.url}/api`
  const view = { api, samples: samplesFor(api), limits: limitsView(app), ...documentView(app, document) }

  router.get('/help/api', (ctx) => {
    views.render(ctx, 'pages/help/api.html', view, { shared: true })
  })

  return router
}

/** What is typed or read as it stands, in whatever language the page is. */
function samplesFor(api: string) {
  const error = {
    action: 'POST',
    status: 'failed',
    status_code: 415,
    target: 'task',
    exception_cls: 'ValueError',
    exception_msg: '…',
  }
  return {
    keys: `curl '${api}/project?api_key=YOUR_KEY'\ncurl -H 'Authorization: YOUR_KEY' '${api}/project'`,
    token: 'Authorization: Bearer TOKEN',
    error: JSON.stringify(error, null, 2),
  }
}

function limitsView({ config: { rateLimit } }: App): View | null {
  if (!rateLimit) return null
  const { requests, seconds, groups } = rateLimit
  return { requests, seconds, groups: [...groups].map(([name, limit]) => ({ name, ...limit })) }
}

function documentView(app: App, { paths, components }: ApiDocument) {
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const nouns = new Map<string, View[]>()
  for (const { path, method, operation } of described) {
    const [noun = ''] = operation.tags
    const shown = {
      ...operationView(operation),
      path,
      method,
      example: example(app, method, path, operation),
    }
    nouns.set(noun, [...(nouns.get(noun) ?? []), shown])
  }
  const [any] = described
  return {
    headers: Object.entries(components.headers).map(([name, { description }]) => ({ name, description })),
    nouns: [...nouns].map(([name, operations]) => ({ name, operations })),
    errors: Object.entries(any?.operation.responses ?? {})
      .filter(([status]) => Number(status) >= 400)
      .map(([status, { description }]) => ({ status, description })),
  }
}

function operationView(operation: Described): View {
  const { operationId, summary, parameters } = operation
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const byDescription = Map.groupBy(query, ({ description }) => description ?? '')
  return {
    id: operationId,
    summary,
    parameters: [...byDescription].map(([description, named]) => ({
      names: named.map(({ name }) => name),
      description,
    })),
    fields: fieldsOf(operation).map(([name, schema]) => ({ name, kind: kindOf(schema) })),
  }
}

interface FieldSchema {
  readonly type?: string | readonly string[]
  readonly anyOf?: readonly FieldSchema[]
  readonly enum?: readonly unknown[]
}

/** The attributes that a JSON body may have. */
function fieldsOf({ requestBody }: Described): [string, FieldSchema][] {
  const { properties = {} } = requestBody?.content['application/json']?.schema ?? {}
  return Object.entries(properties as Record<string, FieldSchema>)
}

/** What a value may be, in a word or two. */
function kindOf({ type, anyOf = [], enum: values }: FieldSchema): string {
  if (values) return values.map((value) => JSON.stringify(value)).join(', ')
  const kinds = type === undefined ? anyOf.map(kindOf) : [type].flat()
  return [...new Set(kinds)].join(', ') || 'any'
}

const SAMPLES: Readonly<Record<string, unknown>> = { integer: 1, number: 1, boolean: true, array: [1] }

/** A call that can be copied: with up to three attributes, and a key where it changes something. */
function example(app: App, method: string, path: string, operation: Described): string {
  const url = `${app.config.site.url}${path.replace(/\{\w+\}/, '1').replace(/\{\w+\}/g, 'NAME')}`
  if (method === 'GET') return `curl '${url}'`
  const sample = fieldsOf(operation)
    .slice(0, 3)
    .map(([name, schema]) => [name, SAMPLES[kindOf(schema).split(', ')[0] ?? ''] ?? 'text'])
  const body = sample.length === 0 ? '' : ` -d '${JSON.stringify(Object.fromEntries(sample))}'`
  return `curl -X ${method} '${url}?api_key=YOUR_KEY'${body}`
}
