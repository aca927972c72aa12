import assert from 'node:assert/strict'
import { test } from 'node:test'
import Koa from 'koa'
import supertest from 'supertest'
import { onUnforeseen, tellUnforeseen } from '../../src/http/unforeseen.ts'
import { ForbiddenError } from '../../src/lib/errors.ts'
import { FileStoreError } from '../../src/platform/files.ts'

test('of what is thrown only that is told which nobody had foreseen', async () => {
  const errors = [
    new ForbiddenError('not yours'),
    new FileStoreError('full', 'no room', {}),
    Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    new TypeError('a bug'),
  ]
  const told: unknown[] = []
  const koa = new Koa()
  koa.use((ctx) => {
    for (const error of errors) tellUnforeseen(ctx, error, 'presenter')
    ctx.status = 204
  })
  onUnforeseen(koa, ({ error, place }) => {
    told.push([error, place])
  })
  await supertest(koa.callback()).get('/').expect(204)
  assert.deepEqual(told, [[errors[3], 'GET presenter']])
})
