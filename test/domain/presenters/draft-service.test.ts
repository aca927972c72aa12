import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CODE_CHARS_MAX,
  discardDraft,
  findDraft,
  publishDraft,
  saveDraft,
  startDraft,
} from '../../../src/domain/presenters/draft-service.ts'
import { findPresenter } from '../../../src/domain/presenters/presenter-service.ts'
import {
  getVersion,
  listVersions,
  restoreVersion,
  textsOf,
} from '../../../src/domain/presenters/version-service.ts'
import { deleteProject, getProject } from '../../../src/domain/projects/project-service.ts'
import { startTestApp } from '../../support/app.ts'
import { draftProject, rowsOf } from '../../support/builders.ts'
import { untilFileEnds } from '../../support/file-ending.ts'
import { waitForReplica } from '../../support/servers.ts'

const site = await startTestApp(untilFileEnds())
const owner = await site.user()
const admin = owner
const stranger = await site.user()
const db = () => site.app.database.open({ writes: true })

async function newProject() {
  const { id } = await draftProject(site, owner)
  return getProject(db(), owner, id)
}

const text = (code: string) => ({ code, tutorial: '' })
const publishing = (code: string) => ({ ...text(code), note: '' })

test('a draft is kept for its author, moves its revision, and is no version yet', async () => {
  const project = await newProject()
  const baseVersionId = project.presenterVersionId
  assert.equal(await findDraft(db(), owner, project), undefined)
  const first = await saveDraft(db(), owner, project, text('<p>1'), { revision: 0, baseVersionId })
  assert.deepEqual(
    [first.isSaved, first.draft?.revision, first.draft?.baseVersionId],
    [true, 1, baseVersionId],
  )
  const second = await saveDraft(db(), owner, project, text('a\r\nb\rc'), { revision: 1, baseVersionId })
  assert.deepEqual([second.isSaved, second.draft?.revision, second.draft?.code], [true, 2, 'a\nb\nc'])
  const stale = await saveDraft(db(), owner, project, text('<p>stale'), { revision: 1, baseVersionId })
  assert.deepEqual([stale.isSaved, stale.draft?.code], [false, 'a\nb\nc'])
  assert.equal((await findPresenter(db(), project.id))?.id, baseVersionId)
  await assert.rejects(findDraft(db(), stranger, project), /owner|may/i)
  await assert.rejects(saveDraft(db(), stranger, project, text(''), { revision: 0, baseVersionId }))
})

test('a window that does not know the latest text overwrites nothing, and a repeated one is saved', async () => {
  const project = await newProject()
  const from = { revision: 0, baseVersionId: null }
  await saveDraft(db(), owner, project, text('one'), from)
  const refused = await saveDraft(db(), owner, project, text('other'), from)
  assert.deepEqual([refused.isSaved, refused.draft?.code], [false, 'one'])
  assert.equal((await saveDraft(db(), owner, project, text('one'), from)).isSaved, true)
  await assert.rejects(discardDraft(db(), owner, project, 7), /changed in another window/)
  await discardDraft(db(), owner, project, 1)
  const gone = await saveDraft(db(), owner, project, text('two'), { ...from, revision: 1 })
  assert.deepEqual([gone.isSaved, gone.draft], [false, undefined])
  assert.equal((await saveDraft(db(), owner, project, text('two'), from)).isSaved, true)
})

test('two owners have a draft each', async () => {
  const project = await newProject()
  await rowsOf(site, 'insert into project_owner (project_id, user_id) values ($1, $2)', [
    project.id,
    stranger.id,
  ])
  await waitForReplica()
  const shared = await getProject(db(), stranger, project.id)
  await saveDraft(db(), owner, shared, text('one'), { revision: 0, baseVersionId: null })
  const other = await saveDraft(db(), stranger, shared, text('two'), { revision: 0, baseVersionId: null })
  assert.equal(other.isSaved, true)
  assert.equal((await findDraft(db(), owner, shared))?.code, 'one')
})

test('publishing makes a version with its author and note, and ends the draft', async () => {
  const project = await newProject()
  const from = { revision: 1, baseVersionId: project.presenterVersionId }
  await saveDraft(db(), owner, project, text('<p>'), { ...from, revision: 0 })
  const version = await publishDraft(
    db(),
    owner,
    project,
    { code: '<p>Hello', tutorial: '<h1>How', note: ' First  ' },
    from,
  )
  assert.equal(await findDraft(db(), owner, project), undefined)
  await waitForReplica()
  const current = await findPresenter(db(), project.id)
  assert.deepEqual(current, version)
  assert.deepEqual(
    current.kind === 'code' && [current.code, current.tutorial, current.note, current.createdBy],
    ['<p>Hello', '<h1>How', 'First', owner.id],
  )
  const [listed] = await listVersions(db(), owner, project, { beforeId: undefined, limit: 10 })
  assert.deepEqual([listed?.id, listed?.authorName, listed?.kind], [version.id, owner.fullName, 'code'])
})

test('publishing over a version or a draft that its author has not seen is refused', async () => {
  const project = await newProject()
  const old = project.presenterVersionId
  const mine = await publishDraft(db(), owner, project, publishing('<p>mine'), {
    revision: 0,
    baseVersionId: old,
  })
  const late = { revision: 0, baseVersionId: old }
  await assert.rejects(
    publishDraft(db(), admin, project, publishing('<p>late'), late),
    new RegExp(`Version ${mine.id} was published since`),
  )
  const seen = { revision: 0, baseVersionId: mine.id }
  await saveDraft(db(), owner, project, text('in another window'), seen)
  await assert.rejects(publishDraft(db(), owner, project, publishing('<p>x'), seen), /another window/)
  assert.equal((await findDraft(db(), owner, project))?.code, 'in another window')
  await publishDraft(db(), owner, project, publishing('<p>x'), { ...seen, revision: 1 })
})

test('what is empty, unchanged or too long is refused with a sentence', async () => {
  const project = await newProject()
  const from = { revision: 0, baseVersionId: project.presenterVersionId }
  await assert.rejects(publishDraft(db(), owner, project, publishing(' \n'), from), /no code to publish/)
  const { id } = await publishDraft(db(), owner, project, publishing('<p>'), from)
  const again = { revision: 0, baseVersionId: id }
  await assert.rejects(publishDraft(db(), owner, project, publishing('<p>'), again), /nothing has changed/)
  const long = 'x'.repeat(CODE_CHARS_MAX + 1)
  await assert.rejects(
    saveDraft(db(), owner, project, text(long), again),
    /The code has 2,000,001 characters: 2,000,000 are the most/,
  )
  const note = 'x'.repeat(201)
  await assert.rejects(publishDraft(db(), owner, project, { ...text('<b>'), note }, again), /at most 200/)
})

test('code from elsewhere begins a draft, unless there is another one', async () => {
  const project = await newProject()
  await startDraft(db(), owner, project, text('<p>from a template'))
  await startDraft(db(), owner, project, text('<p>from a template'))
  await assert.rejects(startDraft(db(), owner, project, text('<p>other')), /have a draft of code already/)
  assert.equal((await findDraft(db(), owner, project))?.baseVersionId, project.presenterVersionId)
})

test('an old version comes back as a new one, template or code; nothing is lost', async () => {
  const project = await newProject()
  const first = project.presenterVersionId ?? 0
  const code = await publishDraft(db(), owner, project, publishing('<p>code'), {
    revision: 0,
    baseVersionId: first,
  })
  const restored = await restoreVersion(db(), owner, project, first)
  assert.deepEqual([restored.kind, restored.note], ['template', `As version ${first}`])
  await restoreVersion(db(), owner, project, code.id)
  await waitForReplica()
  const now = await findPresenter(db(), project.id)
  assert.equal(now?.kind === 'code' && now.code, '<p>code')
  const listed = await listVersions(db(), owner, project, { beforeId: undefined, limit: 10 })
  assert.deepEqual(
    listed.map(({ kind }) => kind),
    ['code', 'template', 'code', 'template'],
  )
  const [settings] = textsOf(await getVersion(db(), owner, project, first))
  assert.match(settings?.text ?? '', /"template": "image-classification",\n {2}"settings": \{\n/)
  const other = await newProject()
  await assert.rejects(getVersion(db(), owner, other, first), /no presenter version/)
  await assert.rejects(restoreVersion(db(), stranger, project, first))
})

test('a project is deleted with its drafts and versions', async () => {
  const project = await newProject()
  await startDraft(db(), owner, project, text('<p>'))
  await deleteProject(db(), owner, project)
  const left = await rowsOf(site, 'select 1 from presenter_draft where project_id = $1', [project.id])
  assert.deepEqual(left, [])
})
