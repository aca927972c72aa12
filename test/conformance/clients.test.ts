import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { answeredProject, exportedJson } from '../support/answered-project.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp, TestUser } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { work } from '../support/jobs.ts'
import { lagReplica } from '../support/servers.ts'
import { clientPrograms, runIn } from './python.ts'
import type { Ran } from './python.ts'

/**
 * PyBossa's published clients, unchanged, against a site whose replica is a second behind. pbs and pybossa-client run
 * under 300 requests per 10 seconds; enki makes two requests a task and gives up when it is told to wait, so its site
 * allows more.
 */
const programs = await clientPrograms()
const skip = 'missing' in programs ? programs.missing : false
const bin = 'folder' in programs ? programs.folder : ''

const ending = untilFileEnds()
const table: [name: string, passed: boolean][] = []
let site: TestApp
let owner: TestUser
let folder: string

before(async () => {
  if (skip) return
  await lagReplica(ending, 1_000)
  site = await startTestApp(ending, { RATE_LIMIT: '300/10' })
  owner = await site.user('owner')
  folder = mkdtempSync(join(tmpdir(), 'manyhands-pbs-'))
  cpSync(new URL('files', import.meta.url), folder, { recursive: true })
  writeProject('Pbs project', 'pbs-project')
})

after(() => {
  if (skip) return
  rmSync(folder, { recursive: true, force: true })
  for (const [name, passed] of table) console.log(`${passed ? 'passed' : 'FAILED'}  ${name}`)
  console.log(`${table.filter(([, passed]) => passed).length} of ${table.length} calls of clients passed`)
})

function writeProject(name: string, shortName: string): void {
  const project = { name, short_name: shortName, description: 'Made by pbs' }
  writeFileSync(join(folder, 'project.json'), JSON.stringify(project))
}

/** A test of one command, noted in the table. */
function command(name: string, work: () => Promise<void>): void {
  test(name, { skip }, async () => {
    try {
      await work()
      table.push([name, true])
    } catch (error) {
      table.push([name, false])
      throw error
    }
  })
}

/** pbs as an owner calls it; questions are answered with yes. */
function pbs(...args: string[]): Promise<Ran> {
  return runIn(folder, join(bin, 'pbs'), ['--server', site.url, '--api-key', owner.apiKey, ...args])
}

async function pbsSays(words: RegExp, ...args: string[]): Promise<void> {
  const { status, output } = await pbs(...args)
  assert.match(output, words)
  assert.equal(status, 0)
}

function tasksOf(shortName = 'pbs-project') {
  return rowsOf<{ id: number; info: unknown; nAnswers: number; priority: number }>(
    site,
    `select t.id, t.info, t.n_answers as "nAnswers", t.priority_0 as priority
       from task t join project p on p.id = t.project_id where p.short_name = $1 order by t.id`,
    [shortName],
  )
}

command('pbs version', () => pbsSays(/3\.0/, 'version'))

command('pbs create-project', () => pbsSays(/Project: pbs-project created/, 'create-project'))

command('pbs create-project of a name that is taken says so', async () => {
  const { status, output } = await pbs('create-project')
  assert.notEqual(status, 0)
  assert.match(output, /ProjectAlreadyExists/)
})

command('pbs update-project', async () => {
  await pbsSays(/updated/, 'update-project')
  const response = await site.http
    .get('/api/project')
    .query({ short_name: 'pbs-project', api_key: owner.apiKey })
  const [project] = response.body as { info: Record<string, unknown>; long_description: string }[]
  assert.match(String(project?.info['task_presenter']), /{{ question }}/)
  assert.match(String(project?.long_description), /Long words/)
})

command('pbs update-project with an empty tutorial leaves none', async () => {
  writeFileSync(join(folder, 'tutorial.html'), '')
  await pbsSays(/updated/, 'update-project')
  const { text } = await site.http.get('/project/pbs-project/newtask').query({ api_key: owner.apiKey })
  assert.doesNotMatch(text, /id="tutorial-panel"[^>]*aria-label="[^"]*">\s*<p>/)
})

command('pbs add-tasks from CSV', async () => {
  await pbsSays(
    /3 tasks added/,
    'add-tasks',
    '--tasks-file',
    'tasks.csv',
    '--redundancy',
    '7',
    '--priority',
    '1',
  )
  const tasks = await tasksOf()
  assert.equal(tasks.length, 3)
  assert.deepEqual(tasks[0]?.info, { question: 'Is it a bird?', 'picture file': 'a.png' })
  assert.deepEqual(
    new Set(tasks.map(({ nAnswers, priority }) => `${nAnswers} ${priority}`)),
    new Set(['7 1']),
  )
})

command('pbs add-tasks from JSON', async () => {
  await pbsSays(/3 tasks added/, 'add-tasks', '--tasks-file', 'tasks.json')
  const infos = (await tasksOf()).slice(3).map(({ info }) => info)
  assert.deepEqual(infos, ['only text', { n: 1, deep: { list: [1, 'ü', null] } }, { n: 2 }])
})

command('pbs add-tasks from XLSX', async () => {
  const script = new URL('pbs_workbook.py', import.meta.url).pathname
  const { output } = await runIn(folder, join(bin, 'python'), [script, site.url, owner.apiKey, 'tasks.xlsx'])
  assert.match(output, /2 tasks added/)
  assert.deepEqual((await tasksOf())[6]?.info, { question: 'Is it a fish?', how_many: 3 })
})

command('pbs add-tasks from PO', async () => {
  await pbsSays(/1 tasks added/, 'add-tasks', '--tasks-file', 'tasks.po')
  assert.equal(((await tasksOf()).at(-1)?.info as { msgid?: string }).msgid, 'Not yet in another language')
})

command('pbs add-tasks from PROPERTIES', async () => {
  await pbsSays(/2 tasks added/, 'add-tasks', '--tasks-file', 'tasks.properties')
  assert.deepEqual((await tasksOf()).at(-1)?.info, { var_id: 'leave', string: 'Leave' })
})

command('pbs update-task-redundancy of one task', async () => {
  const [task] = await tasksOf()
  await pbsSays(/updated to 9/, 'update-task-redundancy', '--task-id', String(task?.id), '--redundancy', '9')
  assert.equal((await tasksOf())[0]?.nAnswers, 9)
})

command('pbs update-task-redundancy of all tasks', async () => {
  const shell = `yes | ${join(bin, 'pbs')} --server ${site.url} --api-key ${owner.apiKey}`
  const { output } = await runIn(folder, 'sh', ['-c', `${shell} update-task-redundancy --redundancy 4`])
  assert.match(output, /All tasks redundancy have been updated/)
  assert.deepEqual(new Set((await tasksOf()).map(({ nAnswers }) => nAnswers)), new Set([4]))
})

command('pbs update-task-redundancy without a number restores 30', async () => {
  const [task] = await tasksOf()
  await pbsSays(/updated/, 'update-task-redundancy', '--task-id', String(task?.id))
  assert.equal((await tasksOf())[0]?.nAnswers, 30)
})

command('pbs add-helpingmaterials with a file and without', async () => {
  await pbsSays(
    /2 helping materials added/,
    'add-helpingmaterials',
    '--helping-materials-file',
    'helping.json',
  )
  const response = await site.http.get('/api/helpingmaterial').query({ api_key: owner.apiKey })
  const [picture, words] = response.body as { info: Record<string, unknown>; media_url: string | null }[]
  assert.equal(picture?.info['caption'], 'A picture')
  assert.equal(typeof picture.info['file_name'], 'string')
  assert.deepEqual(words?.info, { caption: 'Only words' })
  assert.ok(picture.media_url)
  await site.http.get(new URL(picture.media_url, site.url).pathname).expect(200)
})

command('pbs delete-tasks of one task, and of one that is gone', async () => {
  const before = await tasksOf()
  const id = String(before[0]?.id)
  await pbsSays(/have been deleted/, 'delete-tasks', '--task-id', id)
  assert.equal((await tasksOf()).length, before.length - 1)
  assert.match((await pbs('delete-tasks', '--task-id', id)).output, /TaskNotFound/)
})

command('pbs delete-tasks of all tasks', async () => {
  const shell = `yes | ${join(bin, 'pbs')} --server ${site.url} --api-key ${owner.apiKey}`
  const { output } = await runIn(folder, 'sh', ['-c', `${shell} delete-tasks`])
  assert.match(output, /have been deleted/)
  assert.equal((await tasksOf()).length, 0)
})

command('pbs says that it does not find a project of somebody else', async () => {
  const other = await site.user()
  const args = ['--server', site.url, '--api-key', other.apiKey, 'update-project']
  assert.match((await runIn(folder, join(bin, 'pbs'), args)).output, /Project not found!/)
})

// Each task is two requests: 2,000 pass through some fourteen windows, of which each begins every 10 seconds.
const rows = Number(process.env['PBS_ROWS'] ?? 2_000)
command(`pbs add-tasks of ${rows} rows across many windows of the rate limit`, async () => {
  writeProject('Pbs windows', 'pbs-windows')
  await pbsSays(/created/, 'create-project')
  const lines = Array.from({ length: rows }, (_, n) => `Question ${n},${n}.png`)
  writeFileSync(join(folder, 'many.csv'), ['question,picture', ...lines].join('\n'))
  const began = performance.now()
  await pbsSays(new RegExp(`${rows} tasks added`), 'add-tasks', '--tasks-file', 'many.csv')
  console.log(`${rows} rows by pbs took ${((performance.now() - began) / 1000).toFixed(0)} s`)
  const questions = (await tasksOf('pbs-windows')).map(({ info }) => (info as { question: string }).question)
  assert.deepEqual(
    questions,
    Array.from({ length: rows }, (_, n) => `Question ${n}`),
  )
})

test('every function of pybossa-client', { skip }, async (t) => {
  const project = await answeredProject(site, owner, { tasks: 3, runs: 2 })
  const script = new URL('client_functions.py', import.meta.url).pathname
  const args = [script, site.url, owner.apiKey, String(project.id)]
  const { output } = await runIn(folder, join(bin, 'python'), args)
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  assert.ok(lines.length > 0, output)
  for (const line of lines) {
    const { name, passed, said } = JSON.parse(line) as { name: string; passed: boolean; said: string }
    table.push([`pybossa-client ${name}`, passed])
    await t.test(name, () => {
      assert.ok(passed, said)
    })
  }
  assert.match(String(lines.at(-1)), /every function was called/, output.slice(-2_000))
})

command('enki loads 250 tasks with 750 task runs, from the site and from exported files', async () => {
  const roomy = await startTestApp(ending, { RATE_LIMIT: '3000/10' })
  const person = await roomy.user('owner')
  const project = await answeredProject(roomy, person, { tasks: 250, runs: 3 })
  const { stop } = work(roomy)
  const files: string[] = []
  for (const noun of ['task', 'task_run'] as const) {
    const path = join(folder, `${project.shortName}_${noun}.json`)
    writeFileSync(path, await exportedJson(roomy, person, project, noun))
    files.push(path)
  }
  await stop()
  const script = new URL('enki_analysis.py', import.meta.url).pathname
  const args = [script, roomy.url, person.apiKey, project.shortName, ...files]
  const { status, output } = await runIn(folder, join(bin, 'python'), args)
  assert.equal(status, 0, output)
  const found = JSON.parse(output.split('\n').find((line) => line.startsWith('{')) ?? '{}') as Record<
    string,
    unknown
  >
  const all = { tasks: 250, task_runs: 750, frame_rows: 250, top: 'bird', n: 3 }
  const { columns, ...online } = found['online'] as Record<string, unknown>
  const { columns: ofFile, ...offline } = found['offline'] as Record<string, unknown>
  assert.deepEqual(online, all)
  assert.deepEqual(offline, all)
  assert.ok((columns as string[]).includes('kind') && (ofFile as string[]).includes('kind'))
  assert.equal((found['one'] as { task_runs: number }).task_runs, 3)
  assert.equal(found['unknown'], 'ProjectNotFound')
})
