import { checkCommand } from './commands/check.ts'
import { STATUS, UsageError } from './commands/command.ts'
import { deployPasswordCommand } from './commands/deploy-password.ts'
import { jobsCommand } from './commands/jobs.ts'
import { buildCommand, migrateCommand } from './commands/prepare.ts'
import { pruneCommand } from './commands/prune.ts'
import { fitsCommand, switchCommand } from './commands/switch.ts'
import { upgradeCommand } from './commands/upgrade.ts'

/** What operators can ask of a site: `npm run manyhands -- COMMAND …`, with the settings of its processes. */
const COMMANDS = [
  checkCommand,
  jobsCommand,
  migrateCommand,
  buildCommand,
  deployPasswordCommand,
  switchCommand,
  fitsCommand,
  upgradeCommand,
  pruneCommand,
]

process.exitCode = await run(process.argv.slice(2))

async function run([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--help' || name === 'help') {
    console.log(usage())
    return STATUS.good
  }
  const command = COMMANDS.find((one) => one.name === name)
  if (!command) {
    console.error(`${name === undefined ? 'Name a command.' : `There is no command “${name}”.`}\n${usage()}`)
    return STATUS.couldNotRun
  }
  try {
    return await command.run(args, process.env)
  } catch (error) {
    console.error(
      isUsage(error)
        ? `${messageOf(error)}\nUsage: npm run manyhands -- ${command.usage}`
        : `${command.name} could not run: ${messageOf(error)}`,
    )
    return STATUS.couldNotRun
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // What parseArgs says after its first sentence is about options that begin with a dash of their own.
  if (isUsage(error)) return error.message.replace(/\. To specify .*/s, '.')
  // A server that does not listen on any of its addresses gives an error without a message.
  return error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : error.message
}

/** Arguments that are wrong, as found by a command or by parseArgs. */
function isUsage(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS')
}

function usage(): string {
  const lines = COMMANDS.map((command) => `  ${command.usage}\n      ${command.summary}`)
  return `Usage: npm run manyhands -- COMMAND\n${lines.join('\n')}`
}
