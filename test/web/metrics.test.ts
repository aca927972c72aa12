import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jobs } from '../../jobs/index.ts'
import { requestGroup } from '../../src/http/request-figures.ts'
import { createMetrics } from '../../src/platform/metrics.ts'
import { listenForMetrics } from '../../src/platform/metrics-listener.ts'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { draftProject, keyContributor, publishedProject, rowsOf } from '../support/builders.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { waitForReplica } from '../support/servers.ts'

const TOKEN = 'a token of some length'
const site = await startTestApp(untilFileEnds(), { METRICS_TOKEN: TOKEN, TRUST_PROXY: 'on' })

async function metricsOf({ http }: TestApp): Promise<Map<string, number>> {
  const { text } = await http
    .get('/metrics')
    .set('Authorization', `Bearer ${TOKEN}`)
    .expect(200)
    .expect('Content-Type', /^text\/plain; version=0\.0\.4/)
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('metrics are for those who have the token', async (t) => {
  await site.http.get('/metrics').expect(403)
  await site.http.get('/metrics').set('Authorization', 'Bearer another token').expect(403)
  const closed = await startTestApp(t)
  await closed.http.get('/metrics').expect(404)
  await closed.http.get('/metrics').set('Authorization', 'Bearer undefined').expect(404)
  const open = await startTestApp(t, { METRICS_LOOPBACK: 'on', TRUST_PROXY: 'on' })
  await open.http.get('/metrics').expect(200)
  await open.http.get('/metrics').set('X-Forwarded-For', '203.0.113.7').expect(403)
})

test('metrics tell how often the cache had what was asked for, and how full the pools are', async () => {
  const owner = await site.user()
  const { shortName } = await publishedProject(site, owner)
  for (let n = 0; n < 3; n += 1) await site.http.get(`/project/${shortName}/`).expect(200)
  const metrics = await metricsOf(site)
  assert.equal(metrics.get('manyhands_cache_lookups_total{kind="page-project",outcome="fresh"}'), 2)
  assert.equal(metrics.get('manyhands_cache_lookups_total{kind="page-project",outcome="made"}'), 1)
  assert.ok((metrics.get('manyhands_database_connections{pool="read",state="all"}') ?? 0) > 0)
  assert.ok(metrics.has('process_cpu_seconds_total'))
  // Tests run from a checkout.
  assert.equal(metrics.get('manyhands_build_info{release="checkout"}'), 1)
})

test('metrics tell for how long no answer has come, and trials of drafts are none', async (t) => {
  const quiet = await startTestApp(t, { METRICS_TOKEN: TOKEN })
  const owner = await quiet.user()
  const age = async () => {
    await waitForReplica()
    return (await metricsOf(quiet)).get('manyhands_task_run_age_seconds')
  }
  for (const [project, isAnswered] of [
    [await draftProject(quiet, owner), false],
    [await publishedProject(quiet, owner), true],
  ] as const) {
    const contributor = keyContributor(quiet, project, owner)
    await contributor.newTask().expect(200)
    await contributor.submit(project.taskIds[0] ?? 0).expect(200)
    assert.equal((await age()) !== undefined, isAnswered)
  }
})

test('metrics tell where reads went, how far the replica is behind, and whether the primary is there', async () => {
  const owner = await site.user()
  await owner.http.get('/account/profile').expect(200)
  const metrics = await metricsOf(site)
  assert.ok((metrics.get('manyhands_database_reads_total{route="replica"}') ?? 0) > 0)
  assert.ok((metrics.get('manyhands_database_reads_total{route="primary: must be true"}') ?? 0) > 0)
  assert.ok((metrics.get('manyhands_database_replica_lag_seconds') ?? -1) >= 0)
  assert.equal(metrics.get('manyhands_database_primary_up'), 1)
})

test('metrics tell how long jobs wait, how many failed, and when one was done last', async () => {
  await rowsOf(
    site,
    `insert into outbox (job, payload, created, not_before, attempts, done, failed) values
       ('send-mail', '{}', now() - interval '90 s', now() - interval '90 s', 0, null, null),
       ('send-mail', '{}', now() - interval '1 h', now() + interval '1 h', 0, null, null),
       ('send-mail', '{}', now() - interval '2 h', now(), 1, null, null),
       ('export-project', '{}', now() - interval '2 h', now(), 1, now() - interval '1 h', null),
       ('export-project', '{}', now() - interval '2 h', now(), 1, now() - interval '60 s', null),
       ('export-project', '{}', now() - interval '2 h', now(), 1, null, now() - interval '5 min'),
       ('export-project', '{}', now() - interval '2 h', now(), 1, null, now() - interval '61 min')`,
  )
  // Asked for at midnight, to begin hours later.
  await rowsOf(
    site,
    `insert into outbox (job, payload, created, asked_for, not_before, enqueued) values
       ('deliver-export', '{}', now() - interval '4 h', now() - interval '20 s', now() + interval '40 s', now())`,
  )
  await waitForReplica()
  const metrics = await metricsOf(site)
  const near = (name: string, expected: number) => {
    const value = metrics.get(name) ?? Number.NaN
    assert.ok(value >= expected && value < expected + 30, `${name} is ${value}`)
  }
  near('manyhands_job_oldest_waiting_seconds{queue="send-mail"}', 90)
  near('manyhands_job_oldest_waiting_seconds{queue="deliver-export"}', 20)
  near('manyhands_job_seconds_since_done{queue="export-project"}', 60)
  assert.equal(metrics.get('manyhands_job_oldest_waiting_seconds{queue="export-project"}'), 0)
  assert.equal(metrics.get('manyhands_job_failures_last_hour{queue="export-project"}'), 1)
  assert.equal(metrics.has('manyhands_job_seconds_since_done{queue="send-mail"}'), false)
})

test('requests are counted by groups of routes, and those by which a process is watched are not', async () => {
  await site.http.get('/about').expect(200)
  await site.http.get('/nowhere-at-all').expect(404)
  await site.http.get('/healthz').expect(200)
  const metrics = await metricsOf(site)
  const count = (status: string) =>
    metrics.get(`manyhands_http_request_seconds_count{group="pages",status="${status}"}`) ?? 0
  assert.ok(count('2xx') > 0 && count('4xx') > 0)
  const groups = [
    ['GET', '/api/project/7/newtask', 'newtask'],
    ['POST', '/api/taskrun', 'taskrun'],
    ['GET', '/api/taskrun', 'api'],
    ['GET', '/project/birds/task/7', 'contribute'],
    ['GET', '/presenter-frame/project/birds/newtask', 'contribute'],
    ['GET', '/static/site.css', 'files'],
    ['GET', '/project/birds/', 'pages'],
    ['GET', '/readyz', undefined],
  ] as const
  for (const [method, path, group] of groups) assert.equal(requestGroup(method, path), group, path)
})

test('a process that serves nothing else tells its figures on a port of its own', async () => {
  const told = new Date(Date.now() - 7_200_000).toISOString()
  await rowsOf(
    site,
    `insert into schedule_slot (task, slot) values ('site-statistics', '${told}');
     insert into outbox (job, payload, not_before) values ('draw-picture', '{}', now() - interval '40 s')`,
  )
  await waitForReplica()
  const { app } = site
  const config = { ...app.config, metrics: { token: TOKEN, isOpenToLoopback: false, port: 0 } }
  const metrics = createMetrics(app, { catalogue: jobs })
  const listener = await listenForMetrics({ config, log: app.log }, metrics, 'the release')
  const url = `http://127.0.0.1:${listener.port}`
  const ask = (path: string, authorization = `Bearer ${TOKEN}`) =>
    fetch(url + path, { headers: { authorization } })
  assert.equal((await ask('/metrics', 'Bearer no')).status, 403)
  assert.equal((await ask('/')).status, 404)
  assert.deepEqual(await (await ask('/healthz', '')).json(), { status: 'alive', release: 'the release' })
  const text = await (await ask('/metrics')).text()
  const figure = (name: string) => Number(text.split(`\n${name} `)[1]?.split('\n')[0])
  assert.ok(figure('manyhands_schedule_overdue_seconds{schedule="site-statistics"}') < 3_700)
  assert.ok(figure('manyhands_schedule_overdue_seconds{schedule="site-statistics"}') > 0)
  assert.ok(figure('manyhands_outbox_age_seconds') >= 40)
  assert.ok(figure('nodejs_eventloop_lag_p99_seconds') >= 0)
  await listener.close()
  const off = { ...app.config, metrics: { ...config.metrics, port: undefined } }
  const none = await listenForMetrics({ config: off, log: app.log }, createMetrics(app), undefined)
  assert.equal(none.port, undefined)
  await none.close()
})

test('without a database the rest is told', async (t) => {
  const away = await startTestApp(t, { METRICS_TOKEN: TOKEN, LOG_LEVEL: 'silent' })
  const asked = away.app.database.pools.read
  // As a pool whose server is gone.
  await asked.end()
  const metrics = await metricsOf(away)
  assert.ok(metrics.has('process_cpu_seconds_total'))
  assert.equal(metrics.has('manyhands_job_oldest_waiting_seconds{queue="send-mail"}'), false)
  Object.assign(asked, { end: () => Promise.resolve() })
})
