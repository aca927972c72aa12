import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { newTask, submitTaskRun } from '../../src/domain/assignment/assignment-service.ts'
import { listMailsFor } from '../../src/domain/mails/mail-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { createTask } from '../../src/domain/tasks/task-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

async function publishedProject(job: JobApp, owner: User, nTasks: number): Promise<Project> {
  const infos = Array.from({ length: nTasks }, (_, index) => ({ n: index }))
  const project = await newProject(job, owner, infos, 'birds')
  await job.sql('update project set published = true')
  return project
}

/** One new visitor answers everything that is left for them. */
async function answerAll(job: JobApp, project: Project): Promise<void> {
  const who = { kind: 'device', deviceId: randomUUID() } as const
  for (;;) {
    const [task] = await newTask(job.app, job.db(), project, who, { limit: 1, offset: 0 })
    if (!task) return
    await submitTaskRun(
      job.app,
      job.db(),
      who,
      { projectId: project.id, taskId: task.id, info: 1 },
      'request-of-test',
    )
  }
}

async function mailsTo(job: JobApp, owner: User) {
  await untilJobsEnd(job)
  await waitForReplica()
  return (await listMailsFor(job.db(), owner)).map(({ subject, textBody }) => ({ subject, textBody }))
}

test('the owner hears once when the last task of a published project is done', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await publishedProject(job, owner, 3)
  await answerAll(job, project)
  assert.deepEqual(await mailsTo(job, owner), [])

  await answerAll(job, project)
  const mails = await mailsTo(job, owner)
  assert.deepEqual(
    mails.map(({ subject }) => subject),
    ['All tasks of Project birds are done'],
  )
  assert.match(mails[0]?.textBody ?? '', /3 tasks, 6 answers\./)
  assert.match(mails[0]?.textBody ?? '', /\/project\/birds\/tasks\/export$/m)
  assert.equal((await job.sql(`select 1 from outbox where job = 'note-task-completed'`)).length, 3)
})

test('tasks that are added later are announced again when they are done', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await publishedProject(job, owner, 1)
  for (const expected of [1, 2]) {
    await answerAll(job, project)
    await answerAll(job, project)
    assert.equal((await mailsTo(job, owner)).length, expected)
    await createTask(job.db(), owner, project, { info: 'later', nAnswers: 2 })
  }
})

test('a draft that its owner tries out announces nothing', async (t) => {
  const job = await startJobApp(t)
  work(job)
  const owner = await newOwner(job)
  const project = await newProject(job, owner, [{ n: 1 }])
  await answerAll(job, project)
  await answerAll(job, project)
  assert.deepEqual(await mailsTo(job, owner), [])
})
