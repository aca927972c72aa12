import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProject } from './owner.ts'
import { Visitor } from './visit.ts'

/**
 * Uses a site on hosts as people do: registers, makes a project, imports tasks, answers one, exports.
 *
 *   node test/cluster/use-site.ts ADDRESS DOMAIN AUTHORITY-FILE
 */
const [address = '', domain = '', authorityFile = ''] = process.argv.slice(2)
const someone = new Visitor({ address, domain, authority: readFileSync(authorityFile, 'utf8') })
const tag = randomUUID().slice(0, 8)
const PATIENCE = 60

const home = await someone.get('/')
assert.match(home.body, /<main/)

const { key, projectId } = await openProject(someone, tag)
const drafted = await someone.sendParts(`/project/birds${tag}/tasks/import`, {
  text: 'picture\n1.jpg\n2.jpg\n3.jpg\n',
})
await someone.send(String(drafted.headers['location']), {})
await until('three tasks', async () => {
  const { body } = await someone.get(`/api/task?project_id=${projectId}&api_key=${key}`)
  return listed(body).length === 3
})

const task = JSON.parse((await someone.get(`/api/project/${projectId}/newtask?api_key=${key}`)).body) as Row
const run = { project_id: projectId, task_id: task['id'], info: `a robin ${tag}` }
await someone.post(`/api/taskrun?api_key=${key}`, run)

const exported = await someone.get(`/project/birds${tag}/tasks/export?type=task_run&format=json`)
assert.match(exported.body, /^PK/, 'the export is a zip')
console.log(
  `Registered, made a project, imported 3 tasks and answered one, and exported it from https://${domain} at ${address}.`,
)

type Row = Record<string, unknown>

function listed(body: string): Row[] {
  return JSON.parse(body) as Row[]
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await isSo()); tries += 1) {
    if (tries === PATIENCE) throw new Error(`There was not ${what} within a minute`)
    await sleep(1_000)
  }
}
