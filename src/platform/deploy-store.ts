import { DatabaseSync } from 'node:sqlite'
import { RELEASES_KEPT } from './release.ts'

const WAITING = ['received', 'checks', 'queued'] as const
/** A deploy in one of these is at work, in the order in which they come: each has a run of its own. */
export const ACTIVE = ['running', 'verifying', 'rolling_back', 'verifying_back'] as const
/** A deploy in one of these goes on by itself. */
export const OPEN_STATES: ReadonlySet<DeployState> = new Set([...WAITING, ...ACTIVE])

/** Where a deploy stands. docs/operations/deploying.md says what each means and what leads to it. */
export type DeployState = (typeof WAITING | typeof ACTIVE)[number] | DeployEnd
export type DeployEnd = 'success' | 'failed' | 'rolled_back' | 'broken' | 'superseded'

export interface NewDeploy {
  /** A rollback switches back to a release that is on the hosts already. */
  kind: 'deploy' | 'rollback'
  sha: string
  cause: 'merge' | 'deployment' | 'page' | 'unlock'
  who: string
  title: string
  /** The Deployment at GitHub, when there is one already. */
  githubId?: number
}

export interface Deploy extends Required<Omit<NewDeploy, 'githubId'>> {
  id: number
  githubId: number | null
  state: DeployState
  reason: string
  /** How many steps of the run at work have been told. */
  steps: number
  thread: string | null
  /** Milliseconds since 1970, as all times here. */
  created: number
  changed: number
}

/** A deploy as somebody has read it. */
export type Standing = Pick<Deploy, 'id' | 'state'>

export interface DeployEvent {
  id: number
  deployId: number
  at: number
  state: DeployState
  text: string
}

export type Receiver = 'github' | 'chat'

const SCHEMA = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  create table if not exists deploy (
    id integer primary key autoincrement,
    kind text not null, sha text not null, cause text not null, who text not null, title text not null,
    githubId integer unique, state text not null default 'received', reason text not null default '',
    steps integer not null default 0, thread text, created integer not null, changed integer not null
  ) strict;
  create table if not exists event (
    id integer primary key autoincrement,
    deployId integer not null references deploy, at integer not null, state text not null, text text not null,
    -- Null once told.
    githubTries integer default 0, chatTries integer default 0
  ) strict;
  create table if not exists delivery (id text primary key, at integer not null) strict;
  create table if not exists session (id text primary key, operator text not null, until integer not null) strict;
  create table if not exists setting (name text primary key, value text not null) strict;
`

/** Why nothing is deployed; up to which Deployment GitHub's were seen; why GitHub cannot be looked at, or nothing. */
type Setting = 'lock' | 'seen' | 'trouble'

/** How long a moment of another process that looks, such as a backup, is waited for, in milliseconds. */
const LOCKED_MS = 5_000

/** A list of states as SQL has it. */
const listed = (states: Iterable<DeployState>) => `(${[...states].map((state) => `'${state}'`).join(', ')})`

export type DeployStore = ReturnType<typeof openDeployStore>

/**
 * Opens what the deploy server remembers. Every change is on the disk when its function returns, so that a server that
 * is killed finds the truth when it starts again.
 *
 * @param redact nothing is kept, and so nothing told, that it hides.
 */
export function openDeployStore(path: string, redact: (text: string) => string) {
  const db = new DatabaseSync(path, { timeout: LOCKED_MS })
  db.exec(SCHEMA)
  const all = <T>(sql: string, ...values: (string | number)[]) => db.prepare(sql).all(...values) as T[]
  const first = <T>(rows: T[]): T | undefined => rows[0]
  const run = (sql: string, ...values: (string | number | null)[]) => db.prepare(sql).run(...values)

  const find = (id: number) => first(all<Deploy>('select * from deploy where id = ?', id))

  const hasSucceeded = (sha: string) =>
    first(all(`select 1 from deploy where sha = ? and state = 'success'`, sha)) !== undefined

  /** The release that the hosts run, as far as known; while a deploy is at work, the one before it. */
  const lastSuccess = () =>
    first(all<Deploy>(`select * from deploy where state = 'success' order by changed desc, id desc limit 1`))

  function atOnce<T>(work: () => T): T {
    db.exec('begin immediate')
    try {
      const result = work()
      db.exec('commit')
      return result
    } catch (error) {
      db.exec('rollback')
      throw error
    }
  }

  function set(name: Setting, value: string): void {
    run('insert or replace into setting (name, value) values (?, ?)', name, value)
  }

  function note(id: number, state: DeployState, text: string): void {
    const sql = 'insert into event (deployId, at, state, text) values (?, ?, ?, ?)'
    run(sql, id, Date.now(), state, redact(text))
  }

  /** @returns false when the deploy is in another state by now, which stays. */
  function move({ id, state: from }: Standing, state: DeployState, text: string): boolean {
    const sql = 'update deploy set state = ?, reason = ?, steps = 0, changed = ? where id = ? and state = ?'
    const isMoved = run(sql, state, redact(text), Date.now(), id, from).changes === 1
    if (isMoved) note(id, state, text)
    return isMoved
  }

  /** Whoever heard of a lock, if there is one, hears that it is ended, and why or by whom. */
  function endLock(why: string): void {
    const wasLocked = run('delete from setting where name = ?', 'lock').changes === 1
    const [broken] = all<Deploy>(`select * from deploy where state = 'broken' order by changed desc limit 1`)
    if (wasLocked && broken) note(broken.id, 'broken', `The environment is not locked any more: ${why}.`)
  }

  function insert(deploy: NewDeploy): number {
    const { kind, sha, cause, who, title, githubId = null } = deploy
    const sql =
      'insert into deploy (kind, sha, cause, who, title, githubId, created, changed) values (?, ?, ?, ?, ?, ?, ?, ?)'
    const now = Date.now()
    const added = run(sql, kind, sha, cause, redact(who), redact(title), githubId, now, now)
    const id = Number(added.lastInsertRowid)
    note(id, 'received', `${who}: ${title}`)
    return id
  }

  return {
    find,
    list: (limit: number) => all<Deploy>('select * from deploy order by id desc limit ?', limit),
    open: () => all<Deploy>(`select * from deploy where state in ${listed(OPEN_STATES)} order by id`),
    active: () => first(all<Deploy>(`select * from deploy where state in ${listed(ACTIVE)}`)),
    events: (deployId: number) =>
      all<DeployEvent>('select * from event where deployId = ? order by id', deployId),
    /** What was said when a deploy came into a state. */
    saidOf(id: number, state: DeployState): string {
      const sql = 'select * from event where deployId = ? and state = ? order by id limit 1'
      const [event] = all<DeployEvent>(sql, id, state)
      if (!event) throw new Error(`Deploy ${id} was never ${state}.`)
      return event.text
    },
    hasSha: (sha: string) =>
      first(all('select 1 from deploy where sha = ? and kind = ?', sha, 'deploy')) !== undefined,
    hasGithubId: (id: number) => first(all('select 1 from deploy where githubId = ?', id)) !== undefined,
    lastSuccess,

    /** The releases that hosts keep and that have worked: those that were brought to them, or switched to, last. */
    releases(): string[] {
      const order = new Set<string>()
      let current = ''
      for (const { sha, state } of all<Pick<Deploy, 'sha' | 'state'>>(
        `select sha, event.state from event join deploy on deploy.id = deployId
         where event.state in ('running', 'success', 'rolled_back') order by event.id`,
      )) {
        // What runs until a switch is as new to hosts as what they are switched to.
        for (const touched of [current, state === 'rolled_back' ? current : sha]) {
          order.delete(touched)
          order.add(touched)
        }
        if (state === 'success') current = sha
      }
      return [...order].slice(-RELEASES_KEPT).filter((sha) => hasSucceeded(sha))
    },

    add: (deploy: NewDeploy) => atOnce(() => insert(deploy)),

    /** A deploy is allowed and may run: now it takes the place of older ones that wait, except of rollbacks. */
    enqueue(deploy: Deploy, text: string): void {
      atOnce(() => {
        if (!move(deploy, 'queued', text)) return
        const sql = `select * from deploy where kind = 'deploy' and id < ? and state in ${listed(WAITING)}`
        for (const older of all<Deploy>(sql, deploy.id))
          move(older, 'superseded', `Superseded by deploy ${deploy.id} (${deploy.sha.slice(0, 7)}).`)
      })
    },

    /**
     * Moves a deploy on, unless it is no longer in the state in which it was read: what was decided on then holds no more.
     *
     * @param text why, for people to read.
     */
    move(deploy: Standing, state: DeployState, text: string): void {
      atOnce(() => {
        // All hosts run it, and were looked at.
        if (move(deploy, state, text) && state === 'success') endLock(`deploy ${deploy.id} came to its end`)
      })
    },

    /** Notes a step of the run at work. */
    step({ id, state, steps }: Deploy, text: string): void {
      atOnce(() => {
        run('update deploy set steps = ?, reason = ? where id = ?', steps + 1, redact(text), id)
        note(id, state, text)
      })
    },

    /** The deploy is over, and nothing else is deployed until somebody has looked. */
    breakDown(deploy: Standing, text: string): void {
      atOnce(() => {
        if (move(deploy, 'broken', text)) set('lock', redact(`Deploy ${deploy.id}: ${text}`))
      })
    },

    setGithubId(id: number, githubId: number): void {
      run('update deploy set githubId = ? where id = ?', githubId, id)
    },
    setThread(id: number, thread: string): void {
      run('update deploy set thread = ? where id = ?', thread, id)
    },

    /** The deploys of which a receiver has not been told everything. */
    deploysUntold: (receiver: Receiver) =>
      all<{ deployId: number }>(
        `select distinct deployId from event where ${receiver}Tries is not null order by deployId`,
      ).map(({ deployId }) => deployId),
    /**
     * What a receiver has not been told of a deploy, in order, each with the deploy as it is by then.
     *
     * @param isLast only the last of it.
     */
    *untold(
      receiver: Receiver,
      deployId: number,
      isLast = false,
    ): Generator<DeployEvent & { deploy: Deploy }> {
      const sql = `select * from event where deployId = ? and ${receiver}Tries is not null order by id`
      for (const event of all<DeployEvent>(sql, deployId).slice(isLast ? -1 : 0)) {
        const deploy = find(event.deployId)
        if (deploy) yield { ...event, deploy }
      }
    },
    /** The receiver knows of this, and needs nothing that was before it. */
    told(receiver: Receiver, { id, deployId }: DeployEvent): void {
      run(`update event set ${receiver}Tries = null where deployId = ? and id <= ?`, deployId, id)
    },

    /** @returns false for a delivery that came before. */
    addDelivery(id: string): boolean {
      run('delete from delivery where at < ?', Date.now() - 30 * 86_400_000)
      return run('insert or ignore into delivery (id, at) values (?, ?)', id, Date.now()).changes === 1
    },

    addSession(id: string, operator: string, until: number): void {
      run('delete from session where until < ?', Date.now())
      run('insert into session (id, operator, until) values (?, ?, ?)', id, operator, until)
    },
    operatorOf: (sessionId: string) =>
      first(
        all<{ operator: string }>(
          'select operator from session where id = ? and until > ?',
          sessionId,
          Date.now(),
        ),
      )?.operator,
    endSession(id: string): void {
      run('delete from session where id = ?', id)
    },

    get: (name: Setting) =>
      first(all<{ value: string }>('select value from setting where name = ?', name))?.value,
    set,
    /** Somebody says that all hosts run one release, and which one, where that is known. */
    unlock({ sha, who, title = '' }: { sha?: string; who: string; title?: string }): void {
      atOnce(() => {
        endLock(who)
        if (sha === undefined || sha === lastSuccess()?.sha) return
        const id = insert({ kind: 'rollback', cause: 'unlock', sha, who, title })
        move({ id, state: 'received' }, 'success', `${sha.slice(0, 7)} is what the site runs.`)
      })
    },
    close(): void {
      db.close()
    },
  }
}
