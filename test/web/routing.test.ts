import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createServer } from '../../src/web/server.ts'
import { startTestApp } from '../support/app.ts'

test('docs/routing.md names exactly the routes that write although their method is GET', async (t) => {
  const { app } = await startTestApp(t)
  const { routes } = await createServer(app)
  const writing = routes.filter(({ method, declaresWrites }) => method === 'GET' && declaresWrites)
  const documented = readFileSync('docs/routing.md', 'utf8').matchAll(/`(?:GET )?(\/[^`]+)`/g)
  assert.deepEqual(
    new Set(writing.map(({ path }) => path)),
    new Set([...documented].map(([, path = '']) => path)),
  )
})
