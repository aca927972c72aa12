import { createHash } from 'node:crypto'
import { chownSync, lstatSync, mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { readIfThere } from './os-process.ts'
import { succeeds } from './run-program.ts'

/** As whom, and where, a server runs that refuses to run as root. */
export interface ServerAccount {
  /** Goes before the server's own command. */
  readonly prefix: readonly string[]
  /** The folder its files go into. */
  readonly folder: string
  /** Set when that is another account than ours: folders made for the server are given to it. */
  readonly owner: Account | undefined
  /** Whether programs must be copied into `folder` because the account cannot read them where they are. */
  readonly copyPrograms: boolean
}

export interface Account {
  uid: number
  gid: number
}

interface AccountQuestion {
  /** Where the files would go if the account can write there. */
  folder: string
  /** A file the account has to be able to run. */
  program: string
}

/**
 * PostgreSQL refuses to run as root and needs an account that has a name. An ordinary user is one. For root the user
 * namespace of `unshare` makes root look like one, with files in the usual place. Where that is forbidden (many
 * containers) root becomes an unprivileged account, with everything below /var/tmp.
 *
 * @throws Error when none of these works here.
 */
export async function serverAccount(question: AccountQuestion): Promise<ServerAccount> {
  mkdirSync(question.folder, { recursive: true, mode: 0o700 })
  if (process.getuid?.() !== 0 && hasName())
    return { prefix: [], folder: question.folder, owner: undefined, copyPrograms: false }
  const account = unprivilegedAccount(readIfThere('/etc/passwd') ?? '')
  return (await byNamespace(account, question)) ?? (await bySetpriv(account, question))
}

function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    // No entry in the list of users, as with a container's `--user 12345`.
    return false
  }
}

/** The account "nobody", or else the first that is not root. */
function unprivilegedAccount(passwd: string): Account {
  const accounts = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , uid]) => Number(uid) > 0)
  const [, , uid, gid] = accounts.find(([name]) => name === 'nobody') ?? accounts[0] ?? []
  if (uid === undefined || gid === undefined) throw new Error('There is no account but root in /etc/passwd')
  return { uid: Number(uid), gid: Number(gid) }
}

async function byNamespace(
  { uid, gid }: Account,
  question: AccountQuestion,
): Promise<ServerAccount | undefined> {
  const [command, ...args] = ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`] as const
  const mayUse = ['test', '-x', question.program, '-a', '-w', question.folder]
  if (!(await succeeds(command, [...args, ...mayUse]))) return undefined
  return { prefix: [command, ...args], folder: question.folder, owner: undefined, copyPrograms: false }
}

/** Used by `serverAccount` where user namespaces are forbidden. */
async function bySetpriv({ uid, gid }: Account, question: AccountQuestion): Promise<ServerAccount> {
  const [command, ...args] = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] as const
  if (!(await succeeds(command, [...args, 'true']))) {
    throw new Error(
      'PostgreSQL does not run as root, and neither "unshare --user" nor "setpriv" works here. ' +
        'Start as an ordinary user, or set DATABASE_WRITE_URL to a PostgreSQL server of your own.',
    )
  }
  // Named after the folder it stands in for, so that the next start finds it again.
  const name = createHash('sha256').update(question.folder).digest('hex').slice(0, 16)
  const folder = `/var/tmp/manyhands-${name}`
  makeOwnFolder({ uid, gid }, folder)
  const copyPrograms = !(await succeeds(command, [...args, 'test', '-x', question.program]))
  return { prefix: [command, ...args], folder, owner: { uid, gid }, copyPrograms }
}

/** In a folder that everybody may write to: what is there already must be the account's own, and no link. */
function makeOwnFolder({ uid, gid }: Account, folder: string): void {
  const found = lstatSync(folder, { throwIfNoEntry: false })
  if (!found) {
    mkdirSync(folder, { mode: 0o700 })
    chownSync(folder, uid, gid)
  } else if (!found.isDirectory() || found.uid !== uid) {
    throw new Error(`${folder} belongs to somebody else: remove it, or choose another DATA_DIR`)
  }
}

/** A folder below the server's own that only its account can enter. */
export function makeServerFolder({ owner }: Pick<ServerAccount, 'owner'>, folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (owner) chownSync(folder, owner.uid, owner.gid)
}
