import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Pool } from 'pg'

/** What HTTP figures are compared with: the same statements behind nothing but `node:http` and a pool. */
const NEW_TASK = `
  select n.has_more, (select json_agg(json_build_object(
           'id', t.id, 'created', to_char(t.created, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           'projectId', t.project_id, 'state', t.state, 'quorum', t.quorum, 'calibration', t.calibration,
           'priority', t.priority_0, 'info', t.info, 'nAnswers', t.n_answers, 'favUserIds', t.fav_user_ids)
         order by array_position(n.task_ids, t.id)) from task t where t.id = any (n.task_ids)) as tasks
    from newtask_v3($1, $2, 1, 0, 100) n`
const SUBMIT = `select * from submit_v2($1, $2, $3, false, $4, null, null, null, null, null, 'reference')`

const pool = new Pool({ connectionString: process.env['DATABASE_WRITE_URL'], max: 16 })
const server = createServer((request, response) => {
  void (async () => {
    const body = request.method === 'POST' ? (JSON.parse(await text(request)) as Record<string, unknown>) : {}
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams
    const { rows } =
      request.method === 'POST'
        ? await pool.query(SUBMIT, [
            body['project'],
            body['task'],
            body['contributor'],
            JSON.stringify(body['info']),
          ])
        : await pool.query(NEW_TASK, [query.get('project'), query.get('contributor')])
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(rows[0]))
  })()
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
