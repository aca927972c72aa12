import { sql } from 'kysely'
import type { Db, Tx } from '../../platform/postgres.ts'
import type { Fault } from './fault.ts'

/** A fault as one process saw it. */
export interface SeenFault extends Fault {
  /** Of the latest. */
  readonly requestId: string | null
  readonly n: number
}

/** Adds what a process saw to what others saw of the same kinds: one statement. */
export async function addFaults(db: Db, faults: readonly SeenFault[]): Promise<void> {
  // In one order, or two processes that write the same kinds would wait for each other.
  const rows = [...faults].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1))
  await sql`
    insert into fault as f (fingerprint, name, place, trace, request_id, n_untold)
    select * from unnest(${rows.map(({ fingerprint }) => fingerprint)}::text[], ${rows.map(({ name }) => name)}::text[],
                         ${rows.map(({ place }) => place)}::text[], ${rows.map(({ trace }) => trace)}::text[],
                         ${rows.map(({ requestId }) => requestId)}::text[], ${rows.map(({ n }) => n)}::int[])
    on conflict (fingerprint) do update
      set trace = excluded.trace, request_id = excluded.request_id, last_seen = now(),
          n_untold = f.n_untold + excluded.n_untold`.execute(db)
}

/**
 * Takes the kinds that admins have not heard of lately, most frequent first; as told from now on. None while the last
 * mail is fresh.
 *
 * @param pause.kindHours between two mails about one kind.
 * @param pause.minutes between any two mails.
 */
export async function takeUntold(
  tx: Tx,
  { kindHours, minutes, limit }: { kindHours: number; minutes: number; limit: number },
): Promise<SeenFault[]> {
  // Two runs at once would both find the last mail old enough.
  await sql`select pg_advisory_xact_lock(hashtextextended('untold faults', 0))`.execute(tx)
  const { rows } = await sql<SeenFault>`
    with due as (
      select fingerprint, n_untold as n from fault
       where n_untold > 0 and (told is null or told < now() - make_interval(hours => ${kindHours}))
         and not exists (select from fault where told > now() - make_interval(mins => ${minutes}))
       order by n_untold desc, fingerprint limit ${limit} for update),
    taken as (
      update fault f set told = now(), n_untold = 0 from due where f.fingerprint = due.fingerprint
      returning f.fingerprint, f.name, f.place, f.trace, f.request_id, due.n)
    select fingerprint, name, place, trace, request_id as "requestId", n from taken
     order by n desc, fingerprint`.execute(tx)
  return rows
}

/** Removes the kinds that did not come for so many days; how many. */
export async function deleteOldFaults(db: Db, days: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom('fault')
    .where('last_seen', '<', sql<string>`now() - make_interval(days => ${days})`)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
