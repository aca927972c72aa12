import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiDocument } from '../../../src/web/api/openapi.ts'
import { startTestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'

const site = await startTestApp(untilFileEnds(), { RATE_LIMIT: '300/900,newtask=1000/60' })

test('the page of the API names every operation, argument, attribute and error of its document', async () => {
  const { text, headers } = await site.http.get('/help/api').expect(200)
  assert.match(String(headers['cache-control']), /^public/)
  const { paths } = (await site.http.get('/api/openapi.json').expect(200)).body as ApiDocument
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  assert.ok(operations.length > 10)
  for (const { path, method, operation } of operations) {
    const start = text.indexOf(`id="${operation.operationId}"`)
    const part = text.slice(start, text.indexOf('</details>', start))
    assert.ok(part.includes(`<strong>${method.toUpperCase()}</strong> ${path}<`), operation.operationId)
    for (const { name } of operation.parameters.filter((parameter) => parameter.in === 'query'))
      assert.ok(part.includes(`<code>${name}</code>`), `${operation.operationId} ${name}`)
    const { properties = {} } = operation.requestBody?.content['application/json']?.schema ?? {}
    for (const name of Object.keys(properties as object))
      assert.ok(part.includes(`<code>${name}</code>`), `${operation.operationId} ${name}`)
  }
  for (const errorClass of ['DBIntegrityError', 'AttributeError', 'TooManyRequests', 'ServiceUnavailable'])
    assert.ok(text.includes(errorClass))
})

test('the page says this site’s limits, and is found from every page', async (t) => {
  await site.http
    .get('/help/api')
    .expect(200, /300 requests in 900 seconds.*newtask<\/code>: 1,000 requests in 60/s)
  await site.http.get('/about').expect(200, /href="\/help\/api"/)
  const free = await startTestApp(t, { RATE_LIMIT: 'off' })
  await free.http.get('/help/api').expect(200, /no limits/)
})
