import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgress } from '../../../src/domain/exports/export-progress.ts'
import { requestExport } from '../../../src/domain/exports/export-service.ts'
import { eventually, newOwner, newProject, startJobApp } from '../../support/jobs.ts'

test('the first rows that a pass is through with are told at once, with how many there are', async (t) => {
  const jobApp = await startJobApp(t)
  const { app, db, sql } = jobApp
  const owner = await newOwner(jobApp)
  const project = await newProject(jobApp, owner)
  const { id } = await requestExport(app, db(), owner, project, { what: 'task', format: 'csv' })
  await sql(`update project_export set state = 'running' where id = ${id}`)
  const progress = createProgress({ openDb: db, log: app.log, signal: AbortSignal.timeout(60_000) }, id)
  const told = async () => {
    const [row] = await sql(
      `select n_rows::int as n, n_rows_done::int as done from project_export where id = ${id}`,
    )
    return row
  }

  await progress.count(30)
  await eventually(async () => (await told())?.['n'] === 30)
  await progress.count(10)
  progress.begin(2)
  // Nothing more follows which could tell it a second later.
  await progress.add(8)

  await eventually(async () => (await told())?.['done'] === 4)
  assert.deepEqual({ ...(await told()) }, { n: 40, done: 4 })
})
