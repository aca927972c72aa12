import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import type { TestApp } from '../support/app.ts'
import { publishedProject, rowsOf } from '../support/builders.ts'
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
  await waitForReplica()
  const metrics = await metricsOf(site)
  const near = (name: string, expected: number) => {
    const value = metrics.get(name) ?? Number.NaN
    assert.ok(value >= expected && value < expected + 30, `${name} is ${value}`)
  }
  near('manyhands_job_oldest_waiting_seconds{job="send-mail"}', 90)
  near('manyhands_job_seconds_since_done{job="export-project"}', 60)
  assert.equal(metrics.get('manyhands_job_oldest_waiting_seconds{job="export-project"}'), 0)
  assert.equal(metrics.get('manyhands_job_failures_last_hour{job="export-project"}'), 1)
  assert.equal(metrics.has('manyhands_job_seconds_since_done{job="send-mail"}'), false)
})

test('without a database the rest is told', async (t) => {
  const away = await startTestApp(t, { METRICS_TOKEN: TOKEN, LOG_LEVEL: 'silent' })
  const asked = away.app.database.pools.read
  // As a pool whose server is gone.
  await asked.end()
  const metrics = await metricsOf(away)
  assert.ok(metrics.has('process_cpu_seconds_total'))
  assert.equal(metrics.has('manyhands_job_oldest_waiting_seconds{job="send-mail"}'), false)
  Object.assign(asked, { end: () => Promise.resolve() })
})
