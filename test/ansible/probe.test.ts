import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createServer } from 'node:tls'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { makeCertificate } from '../support/certificate.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const PROBE = fileURLToPath(new URL('../../ansible/roles/prometheus/files/manyhands-probe', import.meta.url))

const site = await startTestApp(untilFileEnds())
const { apiKey } = await site.user()
const folder = mkdtempSync(join(tmpdir(), 'mh-probe-'))
const figures = join(folder, 'probe.prom')
after(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the probe as its unit does. */
async function probe({ key = apiKey, url = site.url, authority = '' } = {}) {
  const keyFile = join(folder, 'key')
  writeFileSync(keyFile, `${key}\n`)
  const where = { PROBE_URL: url, PROBE_ADDRESS: '127.0.0.1', PROBE_AUTHORITY: authority }
  const env = { ...process.env, ...where, PROBE_KEY_FILE: keyFile }
  const { promise, resolve } = Promise.withResolvers<{ status: number; said: string }>()
  execFile(PROBE, { env: { ...env, PROBE_FIGURES: figures } }, (error, _stdout, said) => {
    resolve({ status: Number(error?.code ?? 0), said })
  })
  return promise
}

function lastSuccess(): number {
  const [, seconds] =
    /^manyhands_probe_last_success_seconds (\d+)$/m.exec(readFileSync(figures, 'utf8')) ?? []
  return Number(seconds)
}

/** How many rows each table has; what a job adds up each second aside, and what another forgets after days. */
async function counts(): Promise<Record<string, number>> {
  const tables = await rowsOf<{ name: string }>(
    site,
    `select tablename as name from pg_tables where schemaname = 'public' and tablename not in ('project_delta', 'row_version')`,
  )
  const parts = tables.map(({ name }) => `select '${name}' as name, count(*)::int as n from "${name}"`)
  const rows = await rowsOf<{ name: string; n: number }>(site, parts.join(' union all '))
  return Object.fromEntries(rows.map(({ name, n }) => [name, n]))
}

test('the probe posts a task run, reads it back, and leaves a draft project without tasks', async () => {
  const began = Math.floor(Date.now() / 1_000)
  assert.deepEqual(await probe(), { status: 0, said: '' })
  assert.ok(lastSuccess() >= began)
  assert.match(readFileSync(figures, 'utf8'), /^manyhands_probe_seconds \d+(\.\d+)?$/m)
  const projects = await rowsOf(site, 'select short_name, published from project')
  assert.deepEqual(projects, [{ short_name: 'site-probe', published: false }])
  const left = await counts()
  assert.deepEqual([left['task'], left['task_run'], left['lease'], left['result']], [0, 0, 0, 0])

  assert.deepEqual(await probe(), { status: 0, said: '' })
  assert.deepEqual(await counts(), left)
})

test('what a probe left that was interrupted is deleted by the next one', async () => {
  assert.equal((await probe()).status, 0)
  const [project] = await rowsOf<{ id: number }>(site, 'select id from project')
  await site.http
    .post('/api/task')
    .set('Authorization', apiKey)
    .send({ project_id: project?.id, info: { probe: 'of before' }, n_answers: 2 })
    .expect(200)
  assert.deepEqual(await probe(), { status: 0, said: '' })
  assert.deepEqual(await rowsOf(site, 'select 1 from task'), [])
})

test('a probe that fails says why, keeps when it last worked, and is no unit that failed', async () => {
  assert.equal((await probe()).status, 0)
  const before = lastSuccess()
  for (const [wish, why] of [
    [{ key: 'nobody' }, /^Failed: (GET|POST) \/api\/project\S* was answered with 401/],
    [{ url: 'http://localhost:1' }, /^ConnectionRefusedError: /],
  ] as const) {
    const { status, said } = await probe(wish)
    assert.equal(status, 0)
    assert.match(said, why)
    assert.equal(lastSuccess(), before)
  }
  rmSync(figures)
  await probe({ key: 'nobody' })
  assert.equal(lastSuccess(), 0)
})

test('the probe comes by the public name, and believes its own authority alone', async (t) => {
  const { certificate, key } = await makeCertificate(t)
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (socket) => {
    const inner = connect(Number(new URL(site.url).port), '127.0.0.1')
    socket.on('error', () => inner.destroy())
    socket.pipe(inner).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `https://localhost:${(server.address() as AddressInfo).port}`
  assert.deepEqual(await probe({ url, authority: certificate }), { status: 0, said: '' })
  assert.match((await probe({ url })).said, /^SSLCertVerificationError: /)
  const other = url.replace('localhost', 'other.example')
  assert.match((await probe({ url: other, authority: certificate })).said, /^SSLCertVerificationError: /)
})

test('a task run that is not stored as it was posted is found', async () => {
  const owner = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] ?? '' })
  await owner.connect()
  await owner.query(`
    create function spoil() returns trigger language plpgsql as $$ begin new.info = '"other"'; return new; end $$;
    create trigger spoil before insert on task_run for each row execute function spoil()`)
  const { said } = await probe()
  await owner.query('drop function spoil cascade')
  await owner.end()
  assert.match(said, /^Failed: posted [0-9a-f]+ and read back \['other'\]/)
})
