import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import type { BegunDemo } from '../../src/bin/seed-demo.ts'
import { seedDemo } from '../../src/bin/seed-demo.ts'
import type { Database } from '../../src/platform/database.ts'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'

test('a seeding whose tasks meet a conflict adds all of them', async (t) => {
  const site = await startTestApp(t)
  const direct = new pg.Client({ connectionString: site.env['DATABASE_DIRECT_URL'] })
  await direct.connect()
  await direct.query(`
    create sequence conflicts;
    create function conflict_once() returns trigger language plpgsql security definer as $$
      begin if nextval('conflicts') = 1 then raise exception using errcode = '40001'; end if; return null; end $$;
    create trigger conflict after insert on task for each statement execute function conflict_once()`)
  await seedDemo(site.app, undefined, () => undefined)
  const { rows } = await direct.query<{ n: number; inserts: number }>(
    'select count(*)::int as n, (select last_value::int from conflicts) as inserts from task',
  )
  await direct.end()
  const [made] = rows
  assert.ok(made && made.n >= 30 && made.inserts > 1, JSON.stringify(made))
})

test('a seeding that was cut short is carried on, with the same password and one project', async (t) => {
  const site = await startTestApp(t)
  const kept: BegunDemo[] = []
  const keep = (begun: BegunDemo) => void kept.push(begun)
  // After the account and the project, before the tasks.
  let steps = 5
  const database: Database = {
    ...site.app.database,
    open(user) {
      if (steps === 0) throw new Error('the power went off')
      steps -= 1
      return site.app.database.open(user)
    },
  }
  await assert.rejects(seedDemo({ ...site.app, database }, undefined, keep), /the power went off/)
  assert.deepEqual(await rowsOf(site, 'select published from project'), [{ published: false }])

  const owner = await seedDemo(site.app, kept[0], keep)
  assert.equal(owner?.password, kept[0]?.password)
  const projects = await rowsOf<{ published: boolean; n: number }>(
    site,
    'select p.published, (select count(*) from task t where t.project_id = p.id) as n from project p',
  )
  assert.equal(projects.length, 1)
  assert.ok(projects[0]?.published === true && projects[0].n >= 30)

  assert.equal(
    await seedDemo(site.app, undefined, keep),
    undefined,
    'a site that has its owner is left alone',
  )
})
