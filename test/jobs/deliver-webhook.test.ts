import assert from 'node:assert/strict'
import { createHmac, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import test from 'node:test'
import type { TestContext } from 'node:test'
import { jobs } from '../../jobs/index.ts'
import { newTask, submitTaskRun } from '../../src/domain/assignment/assignment-service.ts'
import { openSecretKey, updateProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { listWebhookDeliveries, resendWebhook } from '../../src/domain/webhooks/webhook-service.ts'
import type { User } from '../../src/domain/users/user-service.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

const LOOPBACK = { PRIVATE_ADDRESSES: '127.0.0.1' }
const impatient = {
  ...jobs,
  'deliver-webhook': { ...jobs['deliver-webhook'], attempts: 3, backoffSeconds: 0.01 },
}

interface Received {
  url: string
  body: string
  headers: IncomingHttpHeaders
}

/** A site that is told of tasks; `judge` says with which status it replies. */
async function startReceiver(t: TestContext, judge: (number: number) => number = () => 200) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      received.push({ url: request.url ?? '', body, headers: request.headers })
      response.writeHead(judge(received.length), { 'Content-Type': 'text/html' })
      response.end('<h1>Well</h1><script>alert(1)</script> received')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/told?a=1` }
}

async function startProject(job: JobApp, webhook: string | null): Promise<{ owner: User; project: Project }> {
  const owner = await newOwner(job)
  const made = await newProject(job, owner, [{ n: 1 }])
  const project = await updateProject(job.db(), owner, made, { webhook }, 'web')
  return { owner, project }
}

/** Two visitors answer the only task, which then has all its answers. */
async function complete({ app, db }: JobApp, project: Project): Promise<number> {
  let taskId = 0
  for (const deviceId of [randomUUID(), randomUUID()]) {
    const who = { kind: 'device', deviceId } as const
    const [task] = await newTask(app, db(), project, who, { limit: 1, offset: 0 })
    taskId = task?.id ?? 0
    await submitTaskRun(app, db(), who, { projectId: project.id, taskId, info: 1 }, randomUUID())
  }
  return taskId
}

async function deliveriesOf(job: JobApp, owner: User, project: Project) {
  await untilJobsEnd(job)
  await waitForReplica()
  return listWebhookDeliveries(job.db(), owner, project)
}

test('a webhook is told of a completed task in PyBossa’s words, signed with the project’s key', async (t) => {
  const { received, url } = await startReceiver(t)
  const job = await startJobApp(t, LOOPBACK)
  work(job)
  const { owner, project } = await startProject(job, url)
  const taskId = await complete(job, project)

  const [delivery] = await deliveriesOf(job, owner, project)
  assert.equal(delivery?.responseStatusCode, 200)
  assert.equal(delivery.response, 'Well received')
  assert.notEqual(delivery.delivered, null)
  assert.equal(received.length, 1)
  const [told] = received
  const {
    result_id: resultId,
    fired_at: firedAt,
    ...rest
  } = JSON.parse(told?.body ?? '{}') as Record<string, unknown>
  assert.deepEqual(rest, {
    event: 'task_completed',
    project_short_name: project.shortName,
    project_id: project.id,
    task_id: taskId,
  })
  assert.equal(typeof resultId, 'number')
  assert.match(String(firedAt), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  assert.equal(told?.url, '/told?a=1')
  const key = await openSecretKey(job.app, project)
  const signature = createHmac('sha256', key).update(told.body).digest('hex')
  assert.equal(told.headers['x-manyhands-signature'], `sha256=${signature}`)
})

test('what fails is tried again, and told once when it has arrived', async (t) => {
  const { received, url } = await startReceiver(t, (number) => (number < 3 ? 500 : 200))
  const job = await startJobApp(t, LOOPBACK)
  work(job, impatient)
  const { owner, project } = await startProject(job, url)
  await complete(job, project)

  const [delivery] = await deliveriesOf(job, owner, project)
  assert.equal(received.length, 3)
  assert.equal(new Set(received.map(({ body }) => body)).size, 1)
  assert.equal(delivery?.responseStatusCode, 200)
})

test('what fails for good stays in the log, is mailed once, and is sent again when its owner says so', async (t) => {
  let status = 503
  const { received, url } = await startReceiver(t, () => status)
  const job = await startJobApp(t, LOOPBACK)
  work(job, impatient)
  const { owner, project } = await startProject(job, url)
  await complete(job, project)
  const [failed] = await deliveriesOf(job, owner, project)
  assert.deepEqual([failed?.responseStatusCode, failed?.delivered], [503, null])
  assert.notEqual(failed?.givenUp, null)

  assert.equal(await resendWebhook(job.app, job.db(), owner, project, 'failed'), 1)
  await untilJobsEnd(job)
  const mails = await job.sql('select subject, text_body as text from mail')
  assert.equal(mails.length, 1, 'one mail a day')
  assert.match(String(mails[0]?.['text']), /answered 503\./)

  status = 204
  await resendWebhook(job.app, job.db(), owner, project, { id: failed?.id ?? 0 })
  const [delivered] = await deliveriesOf(job, owner, project)
  assert.notEqual(delivered?.delivered, null)
  assert.equal(received.at(-1)?.url, '/told?a=1&rerun=True')
  assert.equal(received.at(-1)?.body, received[0]?.body)
  assert.equal(await resendWebhook(job.app, job.db(), owner, project, 'failed'), 0)
})

test('a webhook that is set later can be told of what was done before', async (t) => {
  const { received, url } = await startReceiver(t)
  const job = await startJobApp(t, LOOPBACK)
  work(job)
  const { owner, project } = await startProject(job, null)
  const taskId = await complete(job, project)
  await untilJobsEnd(job)
  await assert.rejects(resendWebhook(job.app, job.db(), owner, project, 'untold'), /has no webhook/)

  const set = await updateProject(job.db(), owner, project, { webhook: url }, 'web')
  assert.equal(await resendWebhook(job.app, job.db(), owner, set, 'untold'), 1)
  assert.equal(await resendWebhook(job.app, job.db(), owner, set, 'untold'), 0)
  await untilJobsEnd(job)
  assert.equal((JSON.parse(received[0]?.body ?? '{}') as Record<string, unknown>)['task_id'], taskId)
})

for (const address of [
  'http://127.0.0.1:1/',
  'http://169.254.169.254/',
  'http://localhost:1/',
  'http://[::1]:1/',
]) {
  test(`a webhook does not reach into the private network: ${address}`, async (t) => {
    const job = await startJobApp(t)
    work(job, impatient)
    const { owner, project } = await startProject(job, address)
    await complete(job, project)
    const [delivery] = await deliveriesOf(job, owner, project)
    assert.equal(delivery?.responseStatusCode, null)
    assert.match(delivery.response ?? '', /is not allowed/)
  })
}
