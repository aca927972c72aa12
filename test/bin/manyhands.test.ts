import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { startProgram } from '../support/started-site.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { newOwner, newProject, startJobApp } from '../support/jobs.ts'
import type { JobApp } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

const ending = untilFileEnds()
let job: JobApp

before(async () => {
  job = await startJobApp(ending)
  const owner = await newOwner(job)
  await newProject(
    job,
    owner,
    Array.from({ length: 1_204 }, (_, n) => ({ n })),
    'galaxies',
  )
  await newProject(job, owner, [{ n: 1 }], '2024')
  await waitForReplica()
})

async function manyhands(args: readonly string[], env: Record<string, string> = {}) {
  const program = startProgram('src/bin/manyhands.ts', args, { ...job.env, ...env })
  const status = await program.ends()
  return { status, lines: program.output().trim().split('\n') }
}

test('check prints a line for each project and ends with 0 when all agree, else with 1 and what is wrong', async () => {
  assert.deepEqual(await manyhands(['check']), {
    status: 0,
    lines: [
      'galaxies: 1,204 tasks, all agree',
      '2024: 1 task, all agree',
      '2 projects, 1,205 tasks: everything agrees.',
    ],
  })

  const tasks = await job.sql(`select t.id from task t join project p on p.id = t.project_id
                                where p.short_name = 'galaxies' order by t.id limit 7`)
  const ids = tasks.map(({ id }) => Number(id))
  await job.sql('update task_sched set n_extra = 1 where task_id = any ($1::bigint[])', [ids])
  await job.sql('update task_sched set open = false where task_id = $1', [ids[1]])
  await job.sql(
    `insert into project_delta (project_id, n_tasks) select id, 3 from project where short_name = '2024'`,
  )
  await waitForReplica()
  const wrong = `extra task runs (n_extra): 7 tasks (${ids.slice(0, 5).join(', ')}, …); whether a place is free (open): 1 task (${ids[1]})`
  assert.deepEqual(await manyhands(['check']), {
    status: 1,
    lines: [
      `galaxies: 1,204 tasks, wrong: ${wrong}; totals not compared while these disagree`,
      '2024: 1 task, wrong: total n_tasks is 4 instead of 1',
      '2 projects, 1,205 tasks: 2 projects disagreed. Mend what is wrong with --repair.',
    ],
  })
  assert.deepEqual(await manyhands(['check', '--repair', '--project', 'galaxies']), {
    status: 1,
    lines: [
      `galaxies: 1,204 tasks, mended: ${wrong}; totals counted anew`,
      '1 project, 1,204 tasks: 1 project disagreed and was mended.',
    ],
  })
  await waitForReplica()
  assert.equal((await manyhands(['check', '--project=galaxies'])).status, 0)
  const [row] = await job.sql(`select id from project where short_name = '2024'`)
  assert.equal((await manyhands(['check', '--repair', '--project', String(row?.['id'])])).status, 1)
  await waitForReplica()
  assert.deepEqual(await manyhands(['check', '--project', '2024']), {
    status: 0,
    lines: ['2024: 1 task, all agree', '1 project, 1 task: everything agrees.'],
  })
})

const USAGE = 'Usage: npm run manyhands -- check [--project ID|SHORT_NAME] [--repair]'

test('arguments that cannot be meant, and a site that is away, give a sentence and 2', async () => {
  const cases = [
    {
      args: ['check', '--project', 'nowhere'],
      says: /^There is no project “nowhere”: give its id or its short name\.$/,
    },
    { args: ['check', 'galaxies'], says: /^“galaxies” is too much: name a project with --project\.$/ },
    { args: ['check', '--project='], says: /^--project needs an id or a short name\.$/ },
    { args: ['check', '--mend'], says: /^Unknown option '--mend'\.$/ },
  ]
  const ended = await Promise.all(cases.map(({ args }) => manyhands(args)))
  for (const [n, { status, lines }] of ended.entries()) {
    assert.equal(status, 2)
    assert.match(lines[0] ?? '', cases[n]?.says ?? /never/)
    assert.equal(lines.at(-1), USAGE)
  }
  const [unknown, none, help] = await Promise.all([manyhands(['chek']), manyhands([]), manyhands(['--help'])])
  assert.deepEqual([unknown.status, unknown.lines[0]], [2, 'There is no command “chek”.'])
  assert.deepEqual([none.status, none.lines[0]], [2, 'Name a command.'])
  assert.deepEqual([help.status, help.lines[0]], [0, 'Usage: npm run manyhands -- COMMAND'])

  const nobody = 'postgres://app_rw@127.0.0.1:1/manyhands'
  const away = await manyhands(['check'], { DATABASE_WRITE_URL: nobody, DATABASE_READ_URL: nobody })
  assert.deepEqual([away.status, away.lines[0]], [2, 'check could not run: connect ECONNREFUSED 127.0.0.1:1'])
  const unset = await manyhands(['check'], { DATABASE_WRITE_URL: '' })
  assert.equal(unset.status, 2)
  assert.match(
    unset.lines.join('\n'),
    /^check could not run: These settings are missing or wrong:\n {2}DATABASE_WRITE_URL/,
  )
})
