import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import {
  findPresenter,
  findPresentersOf,
  getPresenter,
  savePresenter,
} from '../../../src/domain/presenters/presenter-service.ts'
import type { Presenter } from '../../../src/domain/presenters/presenter-service.ts'
import { getProject } from '../../../src/domain/projects/project-service.ts'
import { ForbiddenError, NotFoundError, UnauthenticatedError } from '../../../src/lib/errors.ts'
import { startTestApp } from '../../support/app.ts'
import type { TestApp } from '../../support/app.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { BIRDS, buildPresenterProject } from '../../support/presenter-project.ts'
import { waitForReplica } from '../../support/servers.ts'

const CODE: Presenter = { kind: 'code', code: '<p>{{ x }}</p>\r\n', tutorial: 'Read this.' }

const ending = untilFileEnds()
let site: TestApp

before(async () => {
  site = await startTestApp(ending)
})

function db() {
  return site.app.database.open({ writes: true })
}

test('a saved presenter is the one that contributors see, and the one before stays readable', async () => {
  const { project, owner, version } = await buildPresenterProject(site, BIRDS, [1])
  const current = await getProject(db(), owner, project.id)
  const saved = await savePresenter(db(), owner, current, CODE)
  await waitForReplica()
  assert.deepEqual(await findPresenter(db(), project.id), saved)
  assert.deepEqual(await getPresenter(db(), version.id), version)
  assert.deepEqual({ ...saved, ...CODE, createdBy: owner.id }, saved)
  assert.equal(saved.projectId, project.id)
})

test('the presenters of several projects are found at once', async () => {
  const [first, second] = await Promise.all([
    buildPresenterProject(site, BIRDS, [1]),
    buildPresenterProject(site, CODE, [1]),
  ])
  const none = { presenterVersionId: null }
  const found = await findPresentersOf(db(), [
    { presenterVersionId: first.version.id },
    none,
    { presenterVersionId: second.version.id },
  ])
  assert.deepEqual([...found.keys()].sort(), [first.project.id, second.project.id].sort())
  assert.equal(found.get(second.project.id)?.kind, 'code')
  assert.equal((await findPresentersOf(db(), [none])).size, 0)
})

test('a version is there as soon as it is saved, before any replica shows it', async () => {
  const { project, owner } = await buildPresenterProject(site, BIRDS, [1])
  const saved = await savePresenter(db(), owner, project, CODE)
  assert.deepEqual(await getPresenter(db(), saved.id), saved)
  await assert.rejects(getPresenter(db(), saved.id + 1_000), NotFoundError)
})

test('only owners change a presenter', async () => {
  const { project } = await buildPresenterProject(site, BIRDS, [1])
  const stranger = await site.user()
  await assert.rejects(savePresenter(db(), stranger, project, CODE), ForbiddenError)
  await assert.rejects(savePresenter(db(), undefined, project, CODE), UnauthenticatedError)
})
