import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { ApiDocument } from '../../../src/web/api/openapi.ts'
import { createServer } from '../../../src/web/server.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

// That real answers are as the document says is checked of every answer that any test gets (test/support/app.ts).

let site: TestApp

before(async () => {
  site = await startTestApp(untilFileEnds())
})

test('the document is valid OpenAPI 3.1', async () => {
  const response = await site.http.get('/api/openapi.json').expect(200).expect('Content-Type', /json/)
  const document = response.body as ApiDocument
  assert.equal(document['openapi'], '3.1.0')
  const { valid, errors } = await new Validator().validate(document)
  assert.equal(valid, true, JSON.stringify(errors))
})

test('every route of the API is in the document, and nothing else', async () => {
  const response = await site.http.get('/api/openapi.json')
  const { paths } = response.body as ApiDocument
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const { routes } = await createServer(site.app)
  const served = routes
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
    .filter((route) => / \/api\/\w/.test(route) && !route.endsWith(' /api/openapi.json'))
  assert.deepEqual(described.sort(), served.sort())
})
