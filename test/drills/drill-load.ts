import { randomUUID } from 'node:crypto'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { requestExport } from '../../src/domain/exports/export-service.ts'
import { queueMail } from '../../src/domain/mails/mail-service.ts'
import { getProjectById } from '../../src/domain/projects/project-service.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import type { BuiltProject } from '../support/builders.ts'
import type { Ending } from '../support/servers.ts'

/** A request as the drill saw it end. */
interface Asked {
  readonly at: number
  readonly path: string
  readonly milliseconds: number
  /** Undefined when there was no answer. */
  readonly status: number | undefined
}

export interface Load {
  readonly asked: readonly Asked[]
  stop(): Promise<void>
}

const PEOPLE = 6
const MAIL_PAUSE_MS = 100
const EXPORT_PAUSE_MS = 1_500

export interface LoadWishes {
  readonly owner: TestUser
  /** What people look at and answer. */
  readonly project: BuiltProject
  /** What the owner exports. */
  readonly exported: BuiltProject
  readonly url: string
}

/** People who read pages and answer, and an owner's mails and exports, all of it without an end until it is stopped. */
export async function startLoad(site: TestApp, { owner, project, exported, url }: LoadWishes): Promise<Load> {
  const { text: token } = await site.http
    .get(`/api/auth/project/${project.shortName}/token`)
    .set('Authorization', project.secretKey)
    .expect(200)
  const asked: Asked[] = []
  const stopping = new AbortController()
  const { signal } = stopping

  async function ask(path: string, body?: object): Promise<unknown> {
    const began = performance.now()
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': body ? 'application/json' : '' }
    const init = body ? { method: 'POST', body: JSON.stringify(body) } : {}
    const response = await fetch(url + path, {
      headers: path.startsWith('/api') ? headers : {},
      ...init,
    }).catch(() => undefined)
    const reply = await response?.text().catch(() => undefined)
    asked.push({ at: Date.now(), path, milliseconds: performance.now() - began, status: response?.status })
    return response?.ok && path.startsWith('/api') ? JSON.parse(reply ?? '{}') : undefined
  }

  async function person(): Promise<void> {
    while (!signal.aborted) {
      const uid = randomUUID()
      for (const path of ['/', '/project/', `/project/${project.shortName}/`, '/leaderboard/', '/stats/'])
        await ask(path)
      const task = (await ask(`/api/project/${project.id}/newtask?external_uid=${uid}`)) as
        { id?: number } | undefined
      if (task?.id !== undefined)
        await ask(`/api/taskrun?external_uid=${uid}`, {
          project_id: project.id,
          task_id: task.id,
          external_uid: uid,
          info: 'yes',
        })
      await sleep(50)
    }
  }

  async function mails(): Promise<void> {
    for (let n = 1; !signal.aborted; n += 1) {
      const view = { projectName: 'Drill', reason: `Number ${n}`, url }
      const mail = { to: `drill-${n}@example.org`, subject: `Mail ${n}`, template: 'export-failed', view }
      await site.app.database.open({ writes: true }).write((tx) => queueMail(site.app, tx, mail))
      await sleep(MAIL_PAUSE_MS)
    }
  }

  async function exports(): Promise<void> {
    const db = () => site.app.database.open({ writes: true })
    const record = await getProjectById(db(), exported.id)
    for (let n = 0; !signal.aborted; n += 1) {
      const format = n % 2 === 0 ? 'csv' : 'json'
      const wish = { what: n % 4 < 2 ? 'task_run' : 'task', format } as const
      // One of this kind may be under way, or held up: the owner is told so, and asks again.
      await requestExport(site.app, db(), owner, record, wish).catch(() => undefined)
      await sleep(EXPORT_PAUSE_MS)
    }
  }

  const running = Promise.all([...Array.from({ length: PEOPLE }, person), mails(), exports()])
  // Told by `stop`.
  running.catch(() => undefined)
  return {
    asked,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** A way to a server that can be cut: whoever comes then, or is there, is hung up on. */
export async function startSwitch(
  ending: Ending,
  target: string,
): Promise<{ port: number; set(isOn: boolean): void }> {
  const { hostname, port } = new URL(target)
  const open = new Set<Socket>()
  let isOn = true
  const server = createServer((socket) => {
    if (!isOn) {
      socket.destroy()
      return
    }
    const there = connect(Number(port), hostname)
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ] as const) {
      open.add(one)
      one.pipe(other)
      one
        .on('error', () => other.destroy())
        .on('close', () => {
          open.delete(one)
          other.destroy()
        })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  ending.after(() => {
    cut()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    set(on) {
      isOn = on
      if (!on) cut()
    },
  }
}
