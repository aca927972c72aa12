import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Pool } from 'pg'

/** What HTTP figures are compared with: the same statements behind nothing but `node:http` and a pool. */
const tasksJson = (ids: string, project: string) => `(
  select json_agg(json_build_object(
           'id', t.id, 'created', to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'projectId', t.project_id, 'state', t.state, 'quorum', t.quorum, 'calibration', 0,
           'priority', t.priority_0, 'nAnswers', t.n_answers, 'favUserIds', t.fav_user_ids,
           'info', case when p.scheduler = 'incremental' and jsonb_typeof(t.info) = 'object'
                        then t.info || jsonb_build_object('last_answer', (
                          select r.info from task_run r where r.task_id = t.id and r.withdrawn is null
                           order by r.id desc limit 1))
                        else t.info end)
         order by array_position(${ids}, t.id))
    from task t, (select scheduler from project where id = ${project}) p where t.id = any (${ids}))`
const NEW_TASK = `
  select n.has_more, ${tasksJson('n.task_ids', '$1')} as tasks from newtask_v2($1, $2, 1, 0, 100) n`
const SUBMIT = `select * from submit_v2($1, $2, $3, false, $4, null, null, null, null, null, 'reference')`
const SUBMIT_NEXT = `
  select s.*, ${tasksJson('s.task_ids', '$1')} as tasks
    from submit_next_v1($1, $2, $3, false, $4, null, null, null, null, null, 'reference', 1, 0, 100) s`

const pool = new Pool({ connectionString: process.env['DATABASE_WRITE_URL'], max: 16 })
const server = createServer((request, response) => {
  void (async () => {
    const body = request.method === 'POST' ? (JSON.parse(await text(request)) as Record<string, unknown>) : {}
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams
    const { rows } =
      request.method === 'POST'
        ? await pool.query(query.has('next') ? SUBMIT_NEXT : SUBMIT, [
            body['project'],
            body['task'],
            body['contributor'],
            JSON.stringify(body['info']),
          ])
        : await newTask([query.get('project'), query.get('contributor')])
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(rows[0]))
  })()
})

/** One question may end before the search does, as in the application. */
async function newTask(values: unknown[]): Promise<{ rows: unknown[] }> {
  for (;;) {
    const { rows } = await pool.query<{ has_more: boolean }>(NEW_TASK, values)
    if (rows[0]?.has_more !== true) return { rows }
  }
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
