import { hosts } from './hosts.ts'
import { proveHa } from './prove-ha.ts'
import { proveSingle } from './prove-single.ts'

/**
 * `npm run cluster -- COMMAND`: Debian hosts on this machine. `single` proves the single profile on one of them, `ha`
 * the other one on several; every other command is one of hosts.sh.
 */
const [command, ...args] = process.argv.slice(2)

try {
  if (command === 'single') process.exitCode = await proveSingle(args)
  else if (command === 'ha') process.exitCode = await proveHa(args)
  else await hosts(process.argv.slice(2))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
