import { createHmac } from 'node:crypto'
import { AppError, InvalidError, NotFoundError, messageOf } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { PermanentError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { WebReply } from '../../platform/web-client.ts'
import { queueNotice } from '../mails/mail-service.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { getProjectById, mustEdit, openSecretKey } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  claimMail,
  findDelivery,
  findLastResult,
  findProjectOwner,
  insertDelivery,
  listDeliveries,
  listUntold,
  noteAttempt,
  reopenDeliveries,
} from './webhook-repository.ts'
import type { WebhookDelivery } from './webhook-repository.ts'

export type { WebhookDelivery } from './webhook-repository.ts'

/** Characters of what a receiver said that are kept. */
const RESPONSE_MAX = 1_000
const LISTED_MAX = 100
/** How many deliveries one press sends again. */
const RESEND_MAX = 1_000
/** Hours in which an owner gets one mail about a webhook that does not answer. */
const MAIL_HOURS = 24

/**
 * What a project's webhook may be.
 *
 * @throws InvalidError for the field `webhook`.
 */
export function parseWebhook(typed: string): string | null {
  const text = typed.trim()
  if (text === '') return null
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || text.length > 2_000) {
    throw new InvalidError('Some fields need another look.', {
      webhook: 'Give the whole address, such as https://example.org/completed.',
    })
  }
  return text
}

/** A task has all its task runs: its project's webhook, if it has one, will be told, once this has committed. */
export async function tellWebhook(
  app: Pick<App, 'queue'>,
  tx: Tx,
  project: Project,
  taskId: number,
): Promise<void> {
  if (project.webhook === null) return
  const resultId = await findLastResult(tx, project.id, taskId)
  await addDelivery(app, tx, project, { taskId, resultId })
}

async function addDelivery(
  app: Pick<App, 'queue'>,
  tx: Tx,
  project: Project,
  { taskId, resultId }: { taskId: number; resultId: number | undefined },
): Promise<void> {
  const payload = {
    event: 'task_completed',
    project_short_name: project.shortName,
    project_id: project.id,
    task_id: taskId,
    result_id: resultId ?? null,
    // PyBossa's form: UTC, with a blank, without fractions.
    fired_at: new Date().toISOString().slice(0, 19).replace('T', ' '),
  }
  const deliveryId = await insertDelivery(tx, { projectId: project.id, taskId, payload })
  await app.queue.enqueue(tx, 'deliver-webhook', { deliveryId, isAgain: false })
}

/**
 * Sends one delivery to its project's webhook of now; one that has arrived is not sent again.
 *
 * @param isAgain an owner asked for it: PyBossa's receivers know that by `?rerun=True`.
 * @throws Error when the receiver cannot be reached or does not say yes: try again.
 */
export async function deliverWebhook(
  app: Pick<App, 'web' | 'sealer'>,
  run: Pick<JobRun, 'openDb' | 'commit'>,
  deliveryId: number,
  isAgain: boolean,
): Promise<void> {
  const delivery = await run.openDb().readPrimary((primary) => findDelivery(primary, deliveryId))
  if (!delivery || delivery.delivered !== null) return
  const project = await getProjectById(run.openDb(), delivery.projectId)
  if (project.webhook === null) throw new PermanentError('The project has no webhook any more.')
  const note = (said: { status: number | null; response: string }) =>
    run
      .openDb()
      .call((primary) => noteAttempt(primary, deliveryId, { ...said, outcome: 'to be tried again' }))
  const reply = await send(app, project, project.webhook, delivery, isAgain).catch(async (error: unknown) => {
    await note({ status: null, response: messageOf(error) })
    throw error
  })
  const said = { status: reply.status, response: readable(reply.text) }
  if (reply.status < 200 || reply.status >= 300) {
    await note(said)
    throw new Error(`${new URL(project.webhook).host} answered ${reply.status}.`)
  }
  await run.commit((tx) => noteAttempt(tx, deliveryId, { ...said, outcome: 'delivered' }))
}

async function send(
  app: Pick<App, 'web' | 'sealer'>,
  project: Project,
  webhook: string,
  { payload }: WebhookDelivery,
  isAgain: boolean,
): Promise<WebReply> {
  const url = new URL(webhook)
  if (isAgain) url.searchParams.set('rerun', 'True')
  const body = JSON.stringify(payload)
  const key = await openSecretKey(app, project)
  return app.web.post(url.href, body, {
    'Content-Type': 'application/json',
    Accept: 'text/plain',
    'User-Agent': 'Manyhands',
    'X-Manyhands-Signature': `sha256=${createHmac('sha256', key).update(body).digest('hex')}`,
  })
}

/** No tags and no long page: what a receiver says when it fails is HTML more often than not. */
function readable(text: string): string {
  return text
    .replace(/<(style|script)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/[\s\0]+/g, ' ')
    .trim()
    .slice(0, RESPONSE_MAX)
}

/** No further attempt is made: the log says why, and the owner gets a mail, one a day at most. */
export async function giveUpWebhook(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  deliveryId: number,
  error: unknown,
): Promise<void> {
  const delivery = await findDelivery(tx, deliveryId)
  if (!delivery) return
  const { responseStatusCode: status, response } = delivery
  await noteAttempt(tx, deliveryId, { status, response: response ?? messageOf(error), outcome: 'given up' })
  if (await claimMail(tx, delivery, MAIL_HOURS))
    await mailOwner(app, tx, delivery.projectId, messageOf(error))
}

async function mailOwner(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  projectId: number,
  reason: string,
): Promise<void> {
  const request = await findProjectOwner(tx, projectId)
  if (!request) return
  await queueNotice(app, tx, {
    to: request.owner,
    kind: 'project',
    subject: `The webhook of ${request.projectName} does not answer`,
    template: 'webhook-failed',
    view: {
      projectName: request.projectName,
      reason,
      url: `${app.config.site.url}/project/${encodeURIComponent(request.shortName)}/webhook`,
    },
  })
}

/** The latest deliveries of a project, for its owners. */
export async function listWebhookDeliveries(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<WebhookDelivery[]> {
  mustEdit(viewer, project)
  return db.read((reader) => listDeliveries(reader, project.id, LISTED_MAX))
}

/**
 * Sends deliveries again: one, those that failed, or what the webhook was never told (tasks that were done before it
 * was set). At most a thousand at once; how many.
 *
 * @throws AppError conflict when the project has no webhook.
 * @throws NotFoundError for a delivery that is not this project's.
 */
export async function resendWebhook(
  app: Pick<App, 'queue'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  which: { id: number } | 'failed' | 'untold',
): Promise<number> {
  mustEdit(viewer, project)
  if (project.webhook === null)
    throw new AppError('conflict', 'The project has no webhook: give its address in the settings first.')
  return db.write(async (tx) => {
    if (which === 'untold') {
      const untold = await listUntold(tx, project.id, RESEND_MAX)
      for (const task of untold) await addDelivery(app, tx, project, task)
      return untold.length
    }
    const ids = await reopenDeliveries(tx, project.id, which, RESEND_MAX)
    for (const deliveryId of ids)
      await app.queue.enqueue(tx, 'deliver-webhook', { deliveryId, isAgain: true })
    if (typeof which === 'object' && ids.length === 0) throw new NotFoundError('webhook delivery', which.id)
    return ids.length
  })
}
