import { setTimeout as sleep } from 'node:timers/promises'
import { openProject } from './owner.ts'
import type { Visitor } from './visit.ts'

/** A project that many people answer, whom another site speaks for. */
export interface CrowdProject {
  readonly id: number
  /** The owner's key. */
  readonly key: string
  /** By which the other site speaks for its people. */
  readonly token: string
}

const IMPORT_TRIES = 120

/** Makes one of so many tasks, by somebody new. @param tag what is in all names */
export async function openCrowdProject(owner: Visitor, tag: string, tasks: number): Promise<CrowdProject> {
  const { key, projectId: id } = await openProject(owner, tag)
  const rows = Array.from({ length: tasks }, (_, n) => `${n}.jpg`).join('\n')
  const drafted = await owner.sendParts(`/project/birds${tag}/tasks/import`, { text: `picture\n${rows}\n` })
  await owner.send(String(drafted.headers['location']), {})
  const token = await askToken(owner, { id, key, shortName: `birds${tag}` })
  for (let tries = 0; tries < IMPORT_TRIES; tries += 1) {
    const last = await owner.get(`/api/task?project_id=${id}&limit=1&offset=${tasks - 1}&api_key=${key}`)
    if ((JSON.parse(last.body) as unknown[]).length === 1) return { id, key, token }
    await sleep(1_000)
  }
  throw new Error('The tasks were not imported within two minutes')
}

/** Asks for what another site speaks for its people by. */
export async function askToken(
  owner: Visitor,
  { id, key, shortName }: { readonly id: number; readonly key: string; readonly shortName: string },
): Promise<string> {
  const shown = await owner.get(`/api/project/${id}?api_key=${key}`)
  const { secret_key: secret } = JSON.parse(shown.body) as { secret_key: string }
  const { body } = await owner.get(`/api/auth/project/${shortName}/token`, { Authorization: secret })
  return body
}

/** The project's next task for somebody of the other site; undefined when there is none. */
export async function nextTask(
  visitor: Visitor,
  { id, key, token }: CrowdProject,
  person: string,
): Promise<number | undefined> {
  const path = `/api/project/${id}/newtask?external_uid=${person}&api_key=${key}`
  const { body } = await visitor.get(path, { Authorization: `Bearer ${token}` })
  return (JSON.parse(body) as { id?: number }).id
}

/** Answers a task for somebody of the other site. @param mark what the answer says; sent twice it counts once */
export async function answer(
  visitor: Visitor,
  { id, key, token }: CrowdProject,
  said: { person: string; taskId: number; mark: string },
): Promise<void> {
  const { person, taskId, mark } = said
  const run = { project_id: id, task_id: taskId, info: mark, external_uid: person }
  await visitor.post(`/api/taskrun?external_uid=${person}&api_key=${key}`, run, {
    Authorization: `Bearer ${token}`,
    'Idempotency-Key': mark,
  })
}
