import { text } from 'node:stream/consumers'
import { hash } from '@node-rs/argon2'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

const LENGTH_MIN = 12

/** What DEPLOY_OPERATORS holds in place of a password. */
export const deployPasswordCommand: Command = {
  name: 'deploy-password',
  usage: 'deploy-password < FILE',
  summary: 'Prints the hash of a password for DEPLOY_OPERATORS; the password comes on standard input.',
  async run(args) {
    if (args.length > 0)
      throw new UsageError('The password comes on standard input, where no list of processes shows it.')
    const password = (await text(process.stdin)).replace(/\r?\n$/, '')
    if (password.length < LENGTH_MIN)
      throw new UsageError(`A password has at least ${LENGTH_MIN} characters.`)
    console.log(await hash(password))
    return STATUS.good
  },
}
