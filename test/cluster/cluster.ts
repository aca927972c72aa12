import { hosts } from './hosts.ts'
import { proveAlerts } from './prove-alerts.ts'
import { proveDeploy } from './prove-deploy.ts'
import { proveGrow } from './prove-grow.ts'
import { proveHa } from './prove-ha.ts'
import { proveItself } from './prove-itself.ts'
import { provePlaces } from './prove-places.ts'
import { proveReplica } from './prove-replica.ts'
import { proveSingle } from './prove-single.ts'
import { proveSites } from './prove-sites.ts'
import { proveSpeed } from './prove-speed.ts'
import { proveSpread } from './prove-spread.ts'

/**
 * `npm run cluster -- COMMAND`: Debian hosts on this machine, on which a command of PROOFS proves a part of what Ansible
 * sets up; every other command is one of hosts.sh.
 */
const PROOFS: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  /** The single profile, on one host. */
  single: proveSingle,
  /** The same on a small host, by what the page of operations tells to type there. */
  itself: proveItself,
  /** The other profile, on several, which are lost in turn. */
  ha: proveHa,
  /** A standby at another place and a replica for analytics, and the loss of the place. */
  places: provePlaces,
  /** How fast both are, beside each other. */
  speed: proveSpeed,
  /** What that one has besides its databases. */
  spread: proveSpread,
  /** Hosts and copies of the database are added and removed while people use the site. */
  grow: proveGrow,
  /** A site on one host gets its first replica, which becomes the site when that host is lost. */
  replica: proveReplica,
  /** Two sites with the single profile, side by side. */
  sites: proveSites,
  /** Troubles that hosts can have, and who hears of them. */
  alerts: proveAlerts,
  /** Good and bad releases are merged while people use two hosts, and a third deploys them. */
  deploy: proveDeploy,
}

const [command = '', ...args] = process.argv.slice(2)

try {
  const prove = PROOFS[command]
  if (prove) process.exitCode = await prove(args)
  else await hosts(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
