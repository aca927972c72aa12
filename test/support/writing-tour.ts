import { jobs } from '../../jobs/index.ts'
import { forgetOldRequests, paceLeases, sweepLeases } from '../../src/domain/assignment/assignment-service.ts'
import { agrees, checkProjects } from '../../src/domain/assignment/check-service.ts'
import { suppress } from '../../src/domain/mails/suppression-service.ts'
import { getTemplate } from '../../src/domain/presenters/templates.ts'
import { createTotalFolder } from '../../src/domain/totals/total-service.ts'
import type { Job } from '../../src/platform/job.ts'
import { attemptJob } from '../../src/platform/job-attempt.ts'
import type { JobName } from '../../src/platform/queue.ts'
import { fireSlot } from '../../src/platform/schedule.ts'
import { formValues } from '../../src/lib/templates/settings.ts'
import type { Body } from './api.ts'
import type { TestApp, TestUser } from './app.ts'
import { rowsOf } from './builders.ts'
import { pictureOf } from './pictures.ts'
import { waitForReplica } from './servers.ts'

/** What the tour asked for in vain: the request or job, and what it was told. */
export interface TourTrouble {
  readonly what: string
  readonly told: string
}

type Method = 'post' | 'put' | 'delete'

/** The projects that the tour writes to besides its own: one is large, the other has few tasks. */
export interface TourProjects {
  readonly large: number
  readonly small: number
}

/**
 * Asks for all that can be written, page by page and object by object, as an admin with a project of their own, and
 * then does what the worker and the scheduler do.
 */
export async function tourOfWrites(
  site: TestApp,
  admin: TestUser,
  projects: TourProjects,
): Promise<TourTrouble[]> {
  const trouble: TourTrouble[] = []

  async function send(method: Method, path: string, body?: object, user: TestUser = admin): Promise<Body> {
    const request = user.http[method](path)
    const isApi = path.startsWith('/api')
    if (isApi) void request.query({ api_key: user.apiKey })
    else void request.type('form')
    const response = await request.send(body)
    if (response.status >= 400)
      trouble.push({
        what: `${method} ${path}`,
        told: `${response.status} ${/<title>(.*)<\/title>|$/.exec(response.text)?.[1] ?? response.text}`,
      })
    return { ...(response.body as Body), location: response.headers['location'] }
  }

  const api = async (noun: string, create: object, change: object): Promise<number> => {
    const { id } = await send('post', `/api/${noun}`, create)
    await send('put', `/api/${noun}/${Number(id)}`, change)
    return Number(id)
  }
  const last = async (table: string): Promise<number> =>
    (await rowsOf<{ id: number }>(site, `select max(id) as id from ${table}`))[0]?.id ?? 0

  const id = await api(
    'project',
    { name: 'The tour', short_name: 'tour', description: 'All of it' },
    { description: 'All that can be written' },
  )
  const own = '/project/tour'
  await presenterOf(send, last, own)
  const taskId = await tasksOf(send, api, own, id)
  await contributions(site, send, { projectId: id, taskId, ...projects })
  await contentsOf(send, api, own, id)
  await importsAndExports(site, send, last, own)
  await siteOf(site, send, last, id, admin)
  await accountOf(site, send, last)
  trouble.push(...(await workerTour(site)))
  const gone = await send('post', '/api/project', { name: 'Gone', short_name: 'gone', description: 'Soon' })
  await tasksOf(send, api, '/project/gone', Number(gone['id']))
  const goneTask = await api('task', { project_id: gone['id'], info: {} }, { n_answers: 1 })
  await send('delete', `/api/task/${goneTask}`)
  await send('delete', `/api/project/${Number(gone['id'])}`)
  trouble.push(...(await workerTour(site)))
  return trouble
}

type Send = (method: Method, path: string, body?: object, user?: TestUser) => Promise<Body>
type Api = (noun: string, create: object, change: object) => Promise<number>
type Last = (table: string) => Promise<number>

async function presenterOf(send: Send, last: Last, own: string): Promise<void> {
  const editor = `${own}/tasks/taskpresentereditor`
  const template = 'image-classification'
  const question = { question: 'A bird?', choices: ['Yes', 'No'], pictureColumn: 'picture' }
  const form = { template, ...formValues(getTemplate(template), question) }
  await send('post', `${editor}/samples`, { template: 'image-classification' })
  await send('post', editor, form)
  await send('post', `${editor}/template-code`, { ...form, confirm: 'on' })
  await send('post', `${editor}/code/start`, { code: '<p>1</p>', tutorial: '' })
  await send('post', `${editor}/code/draft`, { code: '<p>2</p>', tutorial: '', revision: '1', base: '' })
  await send('post', `${editor}/code/discard`, { revision: '2' })
  const base = String(await last('presenter_version'))
  await send('post', `${editor}/code`, { code: '<p>3</p>', tutorial: '', revision: '0', base })
  await send('post', `${editor}/permissions`, { camera: 'on' })
  await send('post', `${own}/update`, {
    name: 'The tour',
    description: 'All of it',
    categoryId: '1',
    webhook: 'http://127.0.0.1:9/told',
  })
  await send('post', `${own}/publish`)
  await send('post', `${own}/resetsecretkey`)
}

/** @returns a task that is still there. */
async function tasksOf(send: Send, api: Api, own: string, projectId: number): Promise<number> {
  const taskId = await api(
    'task',
    { project_id: projectId, info: { n: 1 }, n_answers: 2 },
    { priority_0: 0.5, n_answers: 1 },
  )
  const { ids } = await send('post', '/api/bulktasks', {
    project_id: projectId,
    tasks: Array.from({ length: 12 }, (_, n) => ({ info: { n }, calibration: n % 6 === 0 ? 1 : 0 })),
  })
  const [first, second] = ids as number[]
  await send('put', '/api/bulktasks', [{ id: first, priority_0: 0.7 }])
  await send('post', '/api/favorites', { task_id: second })
  await send('delete', `/api/favorites/${second}`)
  for (const change of [{ n_answers: 3 }, { priority_0: 0.2 }, { calibration: 1 }, { state: 'ongoing' }])
    await send('post', `/api/project/${projectId}/rules`, { tasks: [first], ...change })
  const rules = `${own}/tasks/rules`
  await send('post', rules, {
    scheduler: 'breadth_first',
    leaseMinutes: '30',
    undoSeconds: '60',
    calibrationPercent: '10',
  })
  await send('post', `${rules}/redundancy`, { nAnswers: '1', step: 'do' })
  await send('post', `${rules}/priority`, { priority: '0.3', step: 'do' })
  return taskId
}

interface Places extends TourProjects {
  readonly projectId: number
  readonly taskId: number
}

/** Tasks are taken, given back, asked for, and submitted, here and in the large project. */
async function contributions(site: TestApp, send: Send, places: Places): Promise<void> {
  const { projectId, large, taskId } = places
  const person = await site.user()
  const ask = (path: string, body: object) => send('post', path, body, person)
  for (const project of [projectId, large]) {
    const next = async () => {
      const response = await person.http
        .get(`/api/project/${project}/newtask`)
        .query({ api_key: person.apiKey })
      return (response.body as { id: number }).id
    }
    const about = (name: string, body: object) => ask(`/api/project/${project}/${name}`, body)
    await about('skip', { task_id: await next() })
    const task = await next()
    await about('request', { task_id: task })
    await about('renew', { task_ids: [task] })
    const run = { project_id: project, info: { label: 'Yes' } }
    const { id, next: following } = await ask('/api/taskrun?next=1', { ...run, task_id: task })
    await about('undo', { task_run_id: id })
    // What is handed out may be a calibration task, which is never done.
    const done = project === projectId ? taskId : await next()
    await about('request', { task_id: done })
    await ask('/api/taskrun', { ...run, task_id: done })
    await about('leave', { task_ids: [(following as { id: number } | undefined)?.id ?? task] })
    await person.http.get(`/api/project/${project}/newtask`).query({ api_key: person.apiKey, limit: 5 })
    await site.http.get(`/api/project/${project}/newtask`)
  }
  const [made] = await rowsOf<{ run: number; result: number }>(
    site,
    `select (select max(id) from task_run where project_id = $1 and withdrawn is null) as run,
            (select max(id) from result where project_id = $1) as result`,
    [projectId],
  )
  await send('put', `/api/result/${made?.result}`, { info: { label: 'Yes' } })
  await send('post', `/api/project/${projectId}/rules`, { withdraw_task_runs: [made?.run] })
}

async function contentsOf(send: Send, api: Api, own: string, projectId: number): Promise<void> {
  const inProject = { project_id: projectId }
  const post = { title: 'News', body: 'Of the tour' }
  for (const [noun, create, change] of [
    ['announcement', post, { published: true }],
    ['blogpost', { ...post, ...inProject }, { published: true }],
    ['helpingmaterial', { ...inProject, info: {} }, { info: { description: 'A bird' } }],
    ['page', { ...inProject, slug: 'more', info: {} }, { slug: 'less' }],
    ['category', { name: 'Tours', short_name: 'tours', description: 'All' }, { description: 'All of them' }],
  ] as const)
    await send('delete', `/api/${noun}/${await api(noun, create, change)}`)
  await send('post', `${own}/tasks/fieldguide`, { markdown: '# Birds', seen: '', step: 'save' })
  await send('post', '/api/blogpost', { ...post, ...inProject, published: true })
}

async function importsAndExports(site: TestApp, send: Send, last: Last, own: string): Promise<void> {
  const imports = `${own}/tasks/import`
  await send('post', imports, { text: 'picture,place\na.jpg,here\n' })
  await send('post', `${imports}/${await last('task_import')}/delete`)
  await send('post', imports, { text: 'picture,place\nb.jpg,there\n' })
  await send('post', `${imports}/${await last('task_import')}`, { redundancy: '2' })
  const exports = `${own}/tasks/export`
  for (const type of ['task', 'task_run', 'result', 'combined', 'wide'])
    await send('post', exports, { type, format: 'csv' })
  await send('post', `${exports}/subscriptions`, {
    type: 'task_run',
    format: 'json',
    period: 'daily',
    mail: 'on',
  })
  await send('post', `${exports}/subscriptions/${await last('export_subscription')}/end`)
  await send('post', `${exports}/subscriptions`, {
    type: 'task',
    format: 'csv',
    period: 'daily',
    delta: 'on',
  })
  await rowsOf(site, `update export_subscription set next_due = now() - interval '1 hour' where id > 0`)
  const daily = `${own}/tasks/autoimporter`
  await send('post', daily, { kind: 'url', url: 'https://example.org/rows.csv' })
  await send('post', `${daily}/delete`)
  const bucket = { endpoint: 'http://127.0.0.1:9', region: 'eu', bucket: 'birds', prefix: '', keyId: 'A' }
  await send('post', `${exports}/bucket`, { ...bucket, secret: 'very secret words' })
  await send('post', `${exports}/bucket/remove`)
  await send('post', `${own}/webhook`, { which: 'failed' })
}

/** What admins do for the whole site. */
async function siteOf(
  site: TestApp,
  send: Send,
  last: Last,
  projectId: number,
  admin: TestUser,
): Promise<void> {
  const form = { name: 'Walks', shortName: 'walks', description: 'On foot' }
  await send('post', '/admin/categories', form)
  const categoryId = await last('category')
  await send('post', `/admin/categories/update/${categoryId}`, { ...form, description: 'By bike' })
  await send('post', `/admin/categories/del/${categoryId}`, {})
  await send('post', `/admin/featured/${projectId}/add`)
  await send('post', `/admin/featured/${projectId}/remove`)
  await send('post', `/admin/featured/${projectId}`)
  await send('delete', `/admin/featured/${projectId}`)
  const letter = { subject: 'Spring', body: 'Hello **all**', audience: 'all' }
  await send('post', '/admin/newsletters/new', letter)
  const letterId = await last('newsletter')
  await send('post', `/admin/newsletters/${letterId}`, { ...letter, subject: 'Summer' })
  await send('post', `/admin/newsletters/${letterId}/test`)
  await send('post', `/admin/newsletters/${letterId}/send`)
  await suppress(site.app.database.open({ writes: true }), [
    { address: admin.email, cause: 'bounce', source: 'mailbox', detail: 'full' },
  ])
  await send('post', '/admin/mail/allow', { address: admin.email })
}

/** Somebody signs up, changes all that can be changed, and goes. */
async function accountOf(site: TestApp, send: Send, last: Last): Promise<void> {
  const person = await site.user()
  const own = (path: string, body: object = {}) => send('post', `/account/${path}`, body, person)
  await own('keys', { keyName: 'For the tour' })
  await own(`keys/${await last('api_key')}/revoke`)
  await own(`${person.name}/resetapikey`)
  await own('mail/choices', { blogpost: 'on', site: 'on' })
  await own('newsletter?subscribe=True')
  await own('email', { email: 'tour@example.org', password: person.password })
  await own('confirm-email')
  await own('forgot-password', { email: person.email })
  await person.http.post('/account/picture').attach('file', pictureOf('png'), 'me.png')
  await own(`${person.name}/export`)
  await own(`${person.name}/delete`, { password: person.password })
  await own(`${person.name}/delete/cancel`)
  await own(`${person.name}/delete`, { password: person.password })
  await own('signout')
  await site.http.post('/account/register').type('form').send({})
}

/** Nobody is there: there is no mail server, and the tour names addresses of nobody. */
const LEAD_ELSEWHERE = new Set<JobName>(['deliver-webhook', 'send-mail', 'send-newsletter', 'deliver-export'])

/** Each job that waits, whenever it is due, each that has a schedule, and the loops of the worker, once. */
async function workerTour(site: TestApp): Promise<TourTrouble[]> {
  const { app } = site
  const openDb = () => app.database.open({ writes: true })
  const trouble: TourTrouble[] = []
  const scheduled = Object.values(jobs).filter(({ schedule }) => schedule !== undefined)
  for (const { name } of scheduled) await fireSlot(app, name, new Date().toISOString())
  const done = new Set<number>()
  for (;;) {
    await waitForReplica()
    await rowsOf(site, 'update outbox set not_before = now() where done is null and failed is null')
    const waiting = await rowsOf<{ id: number; job: JobName }>(
      site,
      'select id, job from outbox where done is null and failed is null order by id',
    )
    const [next] = waiting.filter(({ id }) => !done.has(id))
    if (!next) break
    done.add(next.id)
    const job = { ...(jobs[next.job] as Job<JobName>) }
    try {
      await attemptJob(app, job, { outboxId: next.id }, new AbortController().signal)
    } catch (error) {
      if (!LEAD_ELSEWHERE.has(next.job)) trouble.push({ what: next.job, told: String(error) })
    }
  }
  await createTotalFolder(app).fold()
  await sweepLeases(openDb())
  await paceLeases(openDb())
  await forgetOldRequests(openDb)
  for await (const report of checkProjects(app, openDb, { only: 'tour', repair: false }))
    if (!agrees(report)) trouble.push({ what: 'check', told: JSON.stringify([...report.findings]) })
  return trouble
}
