import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { noteChanged } from '../../src/platform/changes.ts'
import { createDatabase } from '../../src/platform/database.ts'
import { latestPosition } from '../../src/platform/position.ts'
import type { PositionMemory } from '../../src/platform/position.ts'
import { createLogger } from '../../src/platform/log.ts'
import { createPool, isDatabaseAway, isDatabaseOverloaded, sqlState } from '../../src/platform/postgres.ts'
import type { Db } from '../../src/platform/postgres.ts'
import { runInContext } from '../../src/platform/request-context.ts'
import { eventually } from '../support/jobs.ts'
import { createTestDatabase, onPrimary } from '../support/servers.ts'

/** Positions kept in this process. */
function memory(): PositionMemory & { known: Map<string, string> } {
  const known = new Map<string, string>()
  return {
    known,
    positionFor: (names) => Promise.resolve(latestPosition(names.flatMap((name) => known.get(name) ?? []))),
    remember(names, position) {
      for (const name of names) known.set(name, position)
      return Promise.resolve()
    },
  }
}

/** What PostgreSQL says to whom it lets in, and when it may be asked. */
const AUTHENTICATED = [0x52, 0, 0, 0, 8, 0, 0, 0, 0]
const READY = [0x5a, 0, 0, 0, 5, 0x49]

const NOWHERE = 'postgres://app@127.0.0.1:1/none'

interface Differing {
  writeUrl?: string
  readUrl?: string
  poolMax?: number
  trustedLagSeconds?: number
  hasReplicas?: boolean
}

async function setUp(t: TestContext, differing: Differing = {}) {
  const config = {
    ...(await createTestDatabase(t)),
    poolMax: 4,
    poolLifetimeSeconds: 60,
    trustedLagSeconds: 60,
    hasReplicas: true,
    ...differing,
  }
  const positions = memory()
  const changes: [readonly string[], string | undefined][] = []
  const database = createDatabase(config, positions, createLogger('test', 'silent'), (things, position) => {
    changes.push([things, position])
    return Promise.resolve()
  })
  t.after(() => database.close())
  return { database, positions, changes }
}

const addCategory = (name: string) => (tx: Db) =>
  tx.insertInto('category').values({ name, short_name: name, description: name }).execute()
const countNamed = (name: string) => async (db: Db) =>
  (await db.selectFrom('category').select('id').where('name', '=', name).execute()).length
const isReplica = async (db: Db) =>
  (await sql<{ is: boolean }>`select pg_is_in_recovery() as is`.execute(db)).rows[0]?.is

test('reads go to the replica, and a write there is refused', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: true })
  assert.equal(await db.read(isReplica), true)
  assert.equal(await db.readPrimary(isReplica), false)
  assert.equal(await db.call(isReplica, { silent: true }), false)
  await assert.rejects(db.read(addCategory('x')), (error) =>
    ['25006', '42501'].includes(String(sqlState(error))),
  )
  await assert.rejects(db.readPrimary(addCategory('x')), (error) => sqlState(error) === '25006')
})

test('who wrote reads what they wrote, by position, by identity, and within the request', async (t) => {
  const { database, positions } = await setUp(t)
  const db = database.open({ writes: true, positionNames: () => ['key 1'] })
  for (let n = 0; n < 20; n += 1) {
    const writer = database.open({ writes: true, positionNames: () => ['key 1'] })
    await writer.write(addCategory(`own ${n}`))
    assert.equal(await writer.read(countNamed(`own ${n}`)), 1)
    const position = await writer.position()
    assert.match(position ?? '', /^[0-9A-F]+\/[0-9A-F]+$/)
    assert.equal(await database.open({ writes: false, position }).read(countNamed(`own ${n}`)), 1)
    while (!positions.known.has('key 1')) await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal(
      await database.open({ writes: false, positionNames: () => ['key 1'] }).read(countNamed(`own ${n}`)),
      1,
    )
  }
  assert.equal(await db.position(), undefined)
})

test('a replica that is behind is not asked', async (t) => {
  const { database } = await setUp(t)
  const ahead = database.open({ writes: false, position: 'FFFFFFFF/0' })
  assert.equal(await ahead.read(isReplica), false)
  const unknown = database.open({ writes: false, position: 'unknown' })
  assert.equal(await unknown.read(isReplica), false)
})

test('a read that a replica gives up, to go on following, is asked of the primary', async (t) => {
  const { database } = await setUp(t)
  const asked: (boolean | undefined)[] = []
  const read = async (db: Db) => {
    asked.push(await isReplica(db))
    // As PostgreSQL does when a read there is in the way of what the primary sends: making it wait would hinder all tests.
    await sql`do $$ begin
      if pg_is_in_recovery() then raise 'canceling statement due to conflict with recovery' using errcode = '40001'; end if;
    end $$`.execute(db)
    return 'read'
  }
  assert.equal(await database.open({ writes: false }).read(read), 'read')
  assert.deepEqual(asked, [true, false])
  assert.equal(database.health.reads.get('primary: replica busy'), 1)
})

test('of what a caller brought along and what is remembered of him the later one counts', async (t) => {
  const { database, positions } = await setUp(t)
  positions.known.set('key 1', 'FFFFFFFF/0')
  const brought = database.open({ writes: false, positionNames: () => ['key 1'], position: '0/1' })
  assert.equal(await brought.read(isReplica), false)
  positions.known.set('key 1', '0/1')
  assert.equal(await brought.read(isReplica), false, 'asked once for each request')
  assert.equal(await database.open({ writes: false, positionNames: () => ['key 1'] }).read(isReplica), true)
})

test('what a request learns of who asks counts from then on', async (t) => {
  const { database, positions } = await setUp(t)
  positions.known.set('external 7', 'FFFFFFFF/0')
  const names = ['user 1']
  const db = database.open({ writes: false, positionNames: () => names })
  assert.equal(await db.read(isReplica), true)
  names.push('external 7')
  assert.equal(await db.read(isReplica), false)
})

test('who keeps a position is looked up only with one: another request of theirs may be later', async (t) => {
  const { database, positions } = await setUp(t)
  positions.known.set('user 1', 'FFFFFFFF/0')
  const open = (position?: string) =>
    database.open({ writes: false, keepsPosition: true, position, positionNames: () => ['user 1'] })
  assert.equal(await open().read(isReplica), true)
  assert.equal(await open('0/1').read(isReplica), false)
  positions.known.set('user 1', 'away')
  assert.equal(await open('0/1').read(isReplica), true, 'without a cache what they keep counts')
})

test('a request waits 50 ms for replicas at most, however much it reads, and then asks them no more', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: false, position: 'FFFFFFFF/0' })
  await db.readPrimary(isReplica)
  const asked = t.mock.method(database.pools.read, 'connect')
  const began = performance.now()
  await Promise.all([db.read(isReplica), db.read(isReplica)])
  assert.ok(performance.now() - began >= 45)
  const before = asked.mock.callCount()
  for (let n = 0; n < 20; n += 1) assert.equal(await db.read(isReplica), false)
  assert.equal(asked.mock.callCount(), before)
})

test('who waits for a replica holds no connection that others could read with', async (t) => {
  const { database } = await setUp(t, { poolMax: 1 })
  let taken = 0
  database.pools.read.on('acquire', () => (taken += 1))
  const db = database.open({ writes: false, position: 'FFFFFFFF/0' })
  assert.equal(await db.read(isReplica), false)
  assert.ok(taken > 1, 'given back, and taken anew')
})

test('without a replica the primary is read, and says where reads went', async (t) => {
  const { database } = await setUp(t, { readUrl: NOWHERE })
  const db = database.open({ writes: true })
  assert.equal(await db.read(isReplica), false)
  assert.equal(db.isReadOnly(), false)
  assert.deepEqual([...database.health.reads], [['primary: no replica', 1]])
  assert.equal(await database.readiness.trouble(), undefined)
  await assert.rejects(db.read(addCategory('x')), (error) => sqlState(error) === '25006')
})

test('reads count for the server that answered, also where the read address leads to the primary', async (t) => {
  const { writeUrl } = await createTestDatabase(t)
  const asReader = new URL(writeUrl)
  asReader.username = 'app_ro'
  const { database: led } = await setUp(t, { writeUrl, readUrl: asReader.href })
  const { database: spread } = await setUp(t)
  const twice = async (db: Db) => [await isReplica(db), await isReplica(db)]
  for (let n = 0; n < 3; n += 1) {
    assert.deepEqual(await led.open({ writes: false }).read(twice), [false, false])
    assert.deepEqual(await spread.open({ writes: false }).read(twice), [true, true])
  }
  assert.deepEqual([...led.health.reads], [['primary: no replica', 3]])
  assert.deepEqual([...spread.health.reads], [['replica', 3]])
})

test('a connection that ends before it was asked which server it leads to is as if there were none', async (t) => {
  const closing = createServer((socket) => {
    // Lets anybody in, and has nothing to say.
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.write(Buffer.from([...AUTHENTICATED, ...READY]))
        socket.once('data', () => socket.destroy())
      })
  })
  closing.listen(0, '127.0.0.1')
  await once(closing, 'listening')
  t.after(() => closing.close())
  const { port } = closing.address() as AddressInfo
  const { database } = await setUp(t, { readUrl: `postgres://app@127.0.0.1:${port}/none` })
  assert.equal(await database.open({ writes: false }).read(isReplica), false)
  assert.deepEqual([...database.health.reads], [['primary: no replica', 1]])
})

test('without a primary replicas are read even for who wrote, and nothing is written', async (t) => {
  const { database } = await setUp(t, { writeUrl: NOWHERE })
  const db = database.open({ writes: true, position: 'FFFFFFFF/0' })
  assert.equal(await db.read(isReplica), true)
  assert.equal(db.isReadOnly(), true)
  await assert.rejects(db.readPrimary(isReplica), isDatabaseAway)
  await assert.rejects(db.write(addCategory('x')), isDatabaseAway)
  assert.equal(await database.readiness.trouble(), undefined)
})

test('without a primary a replica says who somebody is, unless it is far behind', async (t) => {
  const { database: writer } = await setUp(t)
  await writer.open({ writes: true }).write(addCategory('lately'))
  assert.deepEqual(await writer.open({ writes: false }).readIdentity(isReplica), {
    value: false,
    isFromReplica: false,
  })
  const { database: near } = await setUp(t, { writeUrl: NOWHERE })
  const known = await near.open({ writes: false }).readIdentity(isReplica)
  assert.deepEqual(known, { value: true, isFromReplica: true })
  const { database: far } = await setUp(t, { writeUrl: NOWHERE, trustedLagSeconds: 0 })
  await assert.rejects(far.open({ writes: false }).readIdentity(isReplica), isDatabaseAway)
  const { database: alone } = await setUp(t, { writeUrl: NOWHERE, hasReplicas: false })
  await assert.rejects(alone.open({ writes: false }).readIdentity(isReplica), isDatabaseAway)
})

test('a primary that has too much to do is not away: no replica says who somebody is', async (t) => {
  const { database } = await setUp(t, { poolMax: 1 })
  const held = await database.pools.write.connect()
  try {
    const asked = database.open({ writes: false })
    await assert.rejects(asked.readIdentity(isReplica), isDatabaseOverloaded)
    assert.equal(await asked.read(isReplica), true)
    const wrote = database.open({ writes: false, position: 'FFFFFFFF/0' })
    await assert.rejects(wrote.read(isReplica), isDatabaseOverloaded, 'nothing older, unmarked')
    assert.equal(asked.isReadOnly(), false)
  } finally {
    held.release()
  }
  // PostgreSQL's own words, and those of a pooler that let somebody wait in vain.
  for (const [state, words] of [
    ['53300', 'too many'],
    ['08P01', 'query_wait_timeout'],
  ]) {
    const full = sql.raw(`do $$ begin raise exception '${words}' using errcode = '${state}'; end $$`)
    const db = database.open({ writes: false })
    await assert.rejects(
      db.readIdentity((reader) => full.execute(reader)),
      isDatabaseOverloaded,
    )
    assert.equal(db.isReadOnly(), false)
  }
})

test('a connection to the primary that breaks does not make the answer an old one', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: false, position: 'FFFFFFFF/0' })
  let attempts = 0
  const breaking = async (reader: Db) => {
    attempts += 1
    if (attempts === 1) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(reader)
    return isReplica(reader)
  }
  assert.equal(await db.read(breaking), false)
  assert.equal(attempts, 2)
  assert.equal(db.isReadOnly(), false)
})

test('a connection that breaks within a transaction is one that broke, whatever its end is told', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: false })
  let attempts = 0
  const breaking = async (reader: Db) => {
    attempts += 1
    if (reader.isTransaction) return isReplica(reader)
    return reader.transaction().execute(async (inside) => {
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(inside).catch(() => sleep(100))
      return isReplica(inside)
    })
  }
  assert.equal(await db.read(breaking), false)
  assert.equal(attempts, 2)
})

test('what a replica answered for the primary stays marked, whatever other requests find meanwhile', async (t) => {
  const { database } = await setUp(t, { writeUrl: NOWHERE })
  const db = database.open({ writes: false, position: 'FFFFFFFF/0' })
  assert.equal(await db.read(isReplica), true)
  database.health.notePrimary(false)
  assert.equal(db.isReadOnly(), true)
  assert.equal(database.open({ writes: false }).isReadOnly(), false)
})

test('a primary that has become a replica is left, and counts as away', async (t) => {
  const { readUrl } = await createTestDatabase(t)
  const { database } = await setUp(t, { writeUrl: readUrl.replace('app_ro', 'app_rw') })
  const db = database.open({ writes: true })
  await assert.rejects(db.write(addCategory('x')), { name: 'WrongServerError' })
  assert.equal(database.pools.write.totalCount, 0, 'its connection is closed')
  await assert.rejects(db.call(addCategory('x')), isDatabaseAway)
  assert.equal(db.isReadOnly(), true)
})

test('what is committed stays so when the primary goes away before it says where, and is read from no replica', async (t) => {
  const { name, writeUrl } = await createTestDatabase(t)
  const letIn = (isLetIn: boolean) =>
    onPrimary('postgres', async (client) => {
      await client.query(`alter database ${name} allow_connections ${isLetIn}`)
      await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
    })
  const { database, positions } = await setUp(t, { writeUrl })
  const db = database.open({ writes: true, positionNames: () => ['key 1'] })
  await db.call(async (primary) => {
    await addCategory('kept')(primary)
    await letIn(false)
  })
  assert.equal(await db.position(), 'unknown')
  assert.equal(positions.known.get('key 1'), 'unknown')
  await letIn(true)
  assert.equal(await db.read(countNamed('kept')), 1)
  assert.equal(await database.open({ writes: false, position: 'unknown' }).read(isReplica), false)
})

test('a transaction or a call is begun once more after a conflict, and not when told otherwise', async (t) => {
  const { database } = await setUp(t)
  const conflict = sql`do $$ begin raise exception using errcode = '40001'; end $$`
  const attempts = async (conflicts: number, options?: { retries: number }) => {
    let begun = 0
    await database
      .open({ writes: true })
      .write(async (tx) => {
        begun += 1
        if (begun <= conflicts) await conflict.execute(tx)
      }, options)
      .catch((error: unknown) => assert.equal(sqlState(error), '40001'))
    return begun
  }
  assert.equal(await attempts(1), 2)
  assert.equal(await attempts(5), 2)
  assert.equal(await attempts(5, { retries: 0 }), 1)

  let called = 0
  const calling = database.open({ writes: true }).call((db) => {
    called += 1
    return conflict.execute(db)
  })
  await assert.rejects(calling, (error) => sqlState(error) === '40001')
  assert.equal(called, 2)
})

test('what nobody waits for any more is not committed', async (t) => {
  const { database } = await setUp(t)
  let isGone = false
  const db = database.open({ writes: true, isGone: () => isGone })
  const work = db.write(async (tx) => {
    await addCategory('of somebody who left')(tx)
    isGone = true
  })
  await assert.rejects(work, /went away/)
  assert.equal(await database.open({ writes: false }).readPrimary(countNamed('of somebody who left')), 0)
})

test('a request has one transaction, which a throw rolls back', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: true })
  await assert.rejects(
    db.write(async (tx) => {
      await addCategory('lost')(tx)
      throw new Error('no')
    }),
    /no/,
  )
  await assert.rejects(db.write(addCategory('second')), /one transaction; this is the second/)
  assert.equal(await db.readPrimary(countNamed('lost')), 0)
})

test('a replica has no lag when it shows what the primary has written, not when it was sent nothing more', async (t) => {
  const { database } = await setUp(t)
  await database.open({ writes: true }).write(addCategory('lately'))
  await eventually(async () => (await database.replicaLag()) === 0)
  const { database: cutOff } = await setUp(t, { writeUrl: NOWHERE })
  assert.ok(Number(await cutOff.replicaLag()) > 0)
  const { database: alone } = await setUp(t, { readUrl: (await createTestDatabase(t)).writeUrl })
  assert.equal(await alone.replicaLag(), undefined)
})

test('who does not declare writes cannot write', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: false })
  await assert.rejects(db.write(addCategory('x')), /does not declare that it writes/)
  await assert.rejects(db.call(addCategory('x')), /does not declare that it writes/)
})

test('an effect happens after the commit, and not when it fails', async (t) => {
  const { database } = await setUp(t)
  const happened: string[] = []
  await database.open({ writes: true }).write(async (tx) => {
    database.afterCommitOf(tx, () => happened.push('first'))
    database.afterCommitOf(tx, () => happened.push('second'))
    assert.deepEqual(happened, [])
    await addCategory('effect')(tx)
  })
  await assert.rejects(
    database.open({ writes: true }).write((tx) => {
      database.afterCommitOf(tx, () => happened.push('never'))
      return Promise.reject(new Error('no'))
    }),
  )
  assert.deepEqual(happened, ['first', 'second'])
})

test('every statement names the request that it is for', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: true })
  const own = 'select query from pg_stat_activity where pid = pg_backend_pid()'
  const composed = async (any: Db) => (await sql<{ query: string }>`${sql.raw(own)}`.execute(any)).rows[0]
  const asked = () =>
    Promise.all([
      db.read(composed),
      db.call(composed),
      db.call((_, direct) => direct<{ query: string }>(own, [])),
    ])
  const found = await runInContext({ requestId: 'a-request' }, asked)
  assert.deepEqual(
    found.map((row) => row?.query),
    Array.from({ length: 3 }, () => `${own} /* a-request */`),
  )
  assert.deepEqual(
    (await asked()).map((row) => row?.query),
    [own, own, own],
  )
})

test('it is ready when a server answers that has every migration', async (t) => {
  const { database } = await setUp(t)
  assert.equal(await database.readiness.trouble(), undefined)
  const away = createDatabase(
    {
      writeUrl: 'postgres://x@127.0.0.1:1/x',
      readUrl: 'postgres://x@127.0.0.1:1/x',
      directUrl: '',
      poolMax: 1,
      poolLifetimeSeconds: 60,
      trustedLagSeconds: 60,
      hasReplicas: false,
    },
    memory(),
    createLogger('test', 'silent'),
    () => Promise.resolve(),
  )
  t.after(() => away.close())
  const before = away.readiness.troubleBesidesAway()
  assert.notEqual(before, undefined, 'nothing is known yet')
  assert.equal(await away.readiness.trouble(), 'database away')
  assert.equal(away.readiness.troubleBesidesAway(), undefined)
})

test('a server that lacks a migration is of no use, also to who forgives that there is none', async (t) => {
  const { writeUrl, directUrl } = await createTestDatabase(t)
  const migrator = createPool({ url: directUrl, max: 1, lifetimeSeconds: 60 }, createLogger('test', 'silent'))
  t.after(() => migrator.end())
  const { rows } = await migrator.query(
    'delete from schema_migration where name = (select max(name) from schema_migration) returning *',
  )
  const [last] = rows as [{ name: string }]
  const { readiness } = (await setUp(t, { writeUrl, readUrl: NOWHERE })).database
  assert.match((await readiness.trouble()) ?? '', new RegExp(`lacks migrations: ${last.name}$`))
  assert.match(readiness.troubleBesidesAway() ?? '', /lacks migrations/)
  await migrator.query(
    'insert into schema_migration select * from json_populate_record(null::schema_migration, $1)',
    [JSON.stringify(last)],
  )
  assert.equal(await readiness.trouble(), undefined)
  assert.equal(readiness.troubleBesidesAway(), undefined)
})

test('it stays ready as long as its busy pools are got through, however long that goes on', async (t) => {
  const { database } = await setUp(t, { poolMax: 1 })
  const { readiness, pools } = database
  assert.equal(await readiness.trouble(), undefined)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  for (let n = 0; n < 3; n += 1) {
    const held = await Promise.all([pools.read.connect(), pools.write.connect()])
    const waiting = [pools.read.query('select 1'), pools.write.query('select 1')]
    t.mock.timers.tick(8_000)
    const began = performance.now()
    assert.equal(await readiness.trouble(), undefined)
    assert.ok(performance.now() - began < 1_000, 'at once')
    const looksOn = eventually(() => pools.read.waitingCount === 0 && pools.read.idleCount === 1)
    for (const client of held) client.release()
    await Promise.all([...waiting, looksOn])
  }
})

test('integers and times arrive without loss, and integers beyond a number are refused', async (t) => {
  const { database } = await setUp(t)
  const db = database.open({ writes: false })
  const one = async (expression: string) =>
    (
      await db.readPrimary((reader) =>
        sql<{ x: unknown }>`select ${sql.raw(expression)} as x`.execute(reader),
      )
    ).rows[0]?.x
  assert.equal(await one('9007199254740991::bigint'), Number.MAX_SAFE_INTEGER)
  await assert.rejects(one('9007199254740992::bigint'), RangeError)
  assert.equal(await one(`'2026-01-02 03:04:05.123456+00'::timestamptz`), '2026-01-02T03:04:05.123456Z')
  assert.equal(await one(`'2026-01-02 03:04:05.12+00'::timestamptz`), '2026-01-02T03:04:05.120000Z')
  assert.equal(await one(`'2026-01-02 03:04:05+00'::timestamptz`), '2026-01-02T03:04:05.000000Z')
  assert.equal(await one(`'infinity'::timestamptz`), 'infinity')
  assert.deepEqual(await one(`'{1,2}'::bigint[]`), [1, 2])
  assert.deepEqual(await one(`'{}'::bigint[]`), [])
})

test('what a transaction changed is told after its commit, with its position, and not when it rolls back', async (t) => {
  const { database, changes } = await setUp(t)
  const db = () => database.open({ writes: true })
  await assert.rejects(
    db().write((tx) => {
      noteChanged(tx, 'a')
      throw new Error('no')
    }),
  )
  await db().write(addCategory('unnoted'))
  assert.deepEqual(changes, [])
  const writer = db()
  await writer.write(async (tx) => {
    noteChanged(tx, 'a', 'b')
    noteChanged(tx, 'b')
    await addCategory('noted')(tx)
  })
  assert.deepEqual(changes, [[['a', 'b'], await writer.position()]])
})
