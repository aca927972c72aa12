import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromBufferPromise } from 'yauzl'
import { askToken } from './crowd-project.ts'
import { openProject } from './owner.ts'
import { MARK, note } from './rush-people.ts'
import type { Contribution, RushProject, Troubles } from './rush-people.ts'
import type { Visitor } from './visit.ts'

const REDUNDANCY = 30
const TASKS_AT_ONCE = 1_000
export const EXPORTS = 10
/** One kind is not made twice at a time. */
const KINDS = ['task_run', 'combined'].flatMap((type) =>
  ['csv', 'ndjson'].map((format) => ({ type, format })),
)
/** After the rush, for what it left to do. */
const FINISH_MS = 60 * 60_000

/** Somebody's two projects: people come to one, and the other is being made. */
export interface RushOwner {
  readonly project: RushProject
  readonly draft: { readonly id: number; readonly shortName: string }
}

/** @param seconds with so many answers each, for which there are tasks */
export async function openRush(
  owner: Visitor,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<RushOwner> {
  const tag = Math.random().toString(36).slice(2, 10)
  const { projectId, key } = await openProject(owner, tag)
  const shortName = `birds${tag}`
  const tasks = Math.ceil((rate * seconds) / REDUNDANCY)
  for (let made = 0; made < tasks; made += TASKS_AT_ONCE) {
    const some = Array.from({ length: Math.min(TASKS_AT_ONCE, tasks - made) }, (_, n) => ({
      ...{ info: { picture: `${made + n}.jpg` }, n_answers: REDUNDANCY },
    }))
    await owner.post('/api/bulktasks', { project_id: projectId, tasks: some })
  }
  const question = {
    question: 'Is there a bird?',
    choices: 'Yes\nNo',
    pictureColumn: 'picture',
    tutorial: '',
  }
  await owner.send(`/project/${shortName}/tasks/taskpresentereditor`, question)
  await owner.send(`/project/${shortName}/publish`, {})
  const token = await askToken(owner, { id: projectId, key, shortName })
  const name = `more${tag}`
  await owner.send('/project/new', { name, shortName: name, description: 'Which bird?' })
  const found = await owner.get(`/api/project?short_name=${name}&api_key=${key}`)
  const [made] = JSON.parse(found.body) as { id: number }[]
  return {
    project: { id: projectId, shortName, token },
    draft: { id: made?.id ?? 0, shortName: name },
  }
}

/** Exports, imports and changes all tasks, each at its share of the time. @returns when exports were asked for. */
export async function own(
  owner: Visitor,
  { project, draft }: RushOwner,
  { rows, ms, signal, troubles }: { rows: number; ms: number; signal: AbortSignal; troubles: Troubles },
): Promise<number[]> {
  const asked: number[] = []
  const at = async (share: number, what: string, work: () => Promise<unknown>) => {
    await sleep(share * ms, undefined, { signal })
      .then(work)
      .catch((error: unknown) => {
        note(troubles, `owner ${what}: ${String(error)}`)
      })
  }
  const exports = Array.from({ length: EXPORTS }, (_, n) =>
    at(0.1 + (0.8 * n) / EXPORTS, `export ${n + 1}`, async () => {
      const now = performance.now()
      await owner.send(`/project/${project.shortName}/tasks/export`, KINDS[n % KINDS.length] ?? {})
      asked.push(now)
    }),
  )
  const importing = at(0.05, 'import', async () => {
    const text = `picture\n${Array.from({ length: rows }, (_, n) => `${n}.jpg\n`).join('')}`
    const { headers } = await owner.sendParts(`/project/${draft.shortName}/tasks/import`, { text })
    await owner.send(String(headers['location']), {})
  })
  const changing = at(0.2, 'bulk change', () => {
    const form = { step: 'do', priority: '0.5', 'priority-tasks': '' }
    return owner.send(`/project/${project.shortName}/tasks/rules/priority`, form)
  })
  await Promise.all([importing, changing, ...exports])
  return asked
}

/** Waits for what the rush left to do. @returns how many exports hold all that was acknowledged before, each once. */
export async function countWholeExports(
  owner: Visitor,
  { project, draft }: RushOwner,
  { asked, made, troubles }: { asked: readonly number[]; made: readonly Contribution[]; troubles: Troubles },
): Promise<number> {
  const list = `/project/${project.shortName}/tasks/export`
  const end = performance.now() + FINISH_MS
  for (const page of [list, `/project/${draft.shortName}/tasks/import`])
    while (performance.now() < end && (await owner.get(page)).body.includes('data-refresh'))
      await sleep(1_000)
  const links = [...(await owner.get(list)).body.matchAll(/href="([^"]+\/export\/\d+[?]key=[^"]+)"/g)]
  if (links.length < asked.length) note(troubles, `export: ${links.length} of ${asked.length} are there`)
  let whole = 0
  // Newest first.
  for (const [n, [, link = '']] of links.reverse().entries()) {
    const marks = await marksOf((await owner.get(link)).bytes)
    const lacks = made.filter(({ mark, ended }) => ended < (asked[n] ?? 0) && !marks.has(mark))
    const doubled = [...marks.values()].filter((times) => times > 1)
    if (lacks.length === 0 && doubled.length === 0 && marks.size > 0) whole += 1
    else
      note(troubles, `export ${n + 1}: ${lacks.length} lack, ${doubled.length} doubled, ${marks.size} there`)
  }
  return whole
}

/** How often an export names each answer. */
async function marksOf(bytes: Buffer): Promise<ReadonlyMap<number, number>> {
  const marks = new Map<number, number>()
  const zip = await fromBufferPromise(bytes)
  for await (const entry of zip.eachEntry()) {
    // The same once more.
    if (entry.fileName.includes('_info_only')) continue
    for await (const line of createInterface({ input: await zip.openReadStreamPromise(entry) }))
      for (const [, mark] of line.matchAll(MARK)) marks.set(Number(mark), (marks.get(Number(mark)) ?? 0) + 1)
  }
  return marks
}
