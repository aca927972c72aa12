import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { requestExport } from '../../src/domain/exports/export-service.ts'
import { getProjectById } from '../../src/domain/projects/project-service.ts'
import { startTestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
import { eventually } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'
import { freePort, startProgram } from '../support/started-site.ts'
import type { StartedProgram } from '../support/started-site.ts'

const PEOPLE = 24
const KILLS = 4
const VICTIMS = [['web'], ['worker'], ['web', 'worker']] as const

interface Acknowledged {
  id: number
  taskId: number
  uid: string
}

test(
  'killing web and worker under load loses no acknowledged answer and no requested export',
  { timeout: 120_000 },
  async (t) => {
    const site = await startTestApp(t)
    const owner = await site.user()
    const project = await publishedProject(site, owner, { tasks: 60, redundancy: 3 })
    const port = await freePort()
    const url = `http://localhost:${port}`
    const env = { ...site.env, PORT: String(port), SITE_URL: url }
    const running = new Map<'web' | 'worker', StartedProgram>()
    const start = (name: 'web' | 'worker') => running.set(name, startProgram(`src/bin/${name}.ts`, [], env))
    t.after(async () => {
      for (const { child } of running.values())
        if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit')
    })
    start('web')
    start('worker')
    const { text: token } = await site.http
      .get(`/api/auth/project/${project.shortName}/token`)
      .set('Authorization', project.secretKey)
      .expect(200)

    const acknowledged: Acknowledged[] = []
    let isOver = false
    let failures = 0

    /** Asks again until there is an answer, as browsers and scripts do. */
    async function ask(path: string, body?: object, key = ''): Promise<{ id?: number }> {
      for (;;) {
        const response = await tryOnce(url + path, token, body, key)
        if (response?.status === 200) return (await response.json()) as { id?: number }
        if (response) assert.fail(`${path}: ${response.status} ${await response.text()}`)
        failures += 1
        await sleep(50)
      }
    }

    async function person(): Promise<void> {
      const uid = randomUUID()
      for (;;) {
        const { id: taskId } = await ask(`/api/project/${project.id}/newtask?external_uid=${uid}`)
        if (taskId === undefined) return
        const run = { project_id: project.id, task_id: taskId, external_uid: uid, info: { by: uid } }
        const { id } = await ask(`/api/taskrun?external_uid=${uid}`, run, randomUUID())
        assert.ok(id !== undefined)
        acknowledged.push({ id, taskId, uid })
        await sleep(100)
      }
    }

    const exports: number[] = []
    async function killer(): Promise<void> {
      for (let n = 0; n < KILLS && !isOver; n += 1) {
        await sleep(700)
        const db = () => site.app.database.open({ writes: true })
        const record = await getProjectById(db(), project.id)
        const format = n % 2 === 0 ? 'csv' : 'json'
        exports.push(
          (await requestExport(site.app, db(), owner, record, { what: n < 2 ? 'task_run' : 'task', format }))
            .id,
        )
        for (const name of VICTIMS[n % VICTIMS.length] ?? []) {
          running.get(name)?.child.kill('SIGKILL')
          start(name)
        }
      }
    }

    await Promise.all([
      Promise.all(Array.from({ length: PEOPLE }, person)).then(() => (isOver = true)),
      killer(),
    ])
    assert.ok(failures > 0, 'nothing was in flight when the web process was killed')
    t.diagnostic(
      `${acknowledged.length} answers acknowledged, ${failures} requests repeated, ${exports.length} exports`,
    )

    const stored = await rowsOf<{ id: number; by: string; counted: boolean }>(
      site,
      `select id, info ->> 'by' as by, counted from task_run where project_id = $1`,
      [project.id],
    )
    const byId = new Map(stored.map((run) => [run.id, run]))
    for (const { id, uid } of acknowledged) assert.equal(byId.get(id)?.by, uid)
    assert.equal(stored.length, acknowledged.length)
    assert.equal(stored.filter(({ counted }) => counted).length, 60 * 3)

    // What the killed worker had begun is handed out again after a while.
    await eventually(async () => {
      await rowsOf(site, 'update outbox set not_before = now() where done is null and failed is null')
      const rows = await rowsOf<{ state: string }>(
        site,
        'select state from project_export where id = any($1)',
        [exports],
      )
      return rows.length === new Set(exports).size && rows.every(({ state }) => state === 'done')
    }, 60_000)
    await waitForReplica()
  },
)

/** The answer, or undefined when the connection broke or was refused. */
async function tryOnce(
  url: string,
  token: string,
  body: object | undefined,
  key: string,
): Promise<Response | undefined> {
  try {
    const response = await fetch(url, {
      method: body ? 'POST' : 'GET',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(10_000),
    })
    // Read whole: the process may be killed in the middle of its answer.
    return new Response(await response.arrayBuffer(), { status: response.status })
  } catch {
    return undefined
  }
}
