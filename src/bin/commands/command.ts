/** How a command ends: what it looked for agrees, it does not, or the command could not run. */
export const STATUS = { good: 0, bad: 1, couldNotRun: 2 } as const

/** Something an operator asks of the site: `npm run manyhands -- NAME …`. */
export interface Command {
  readonly name: string
  /** Its arguments, and what it does, for the list of commands. */
  readonly usage: string
  readonly summary: string
  /**
   * Prints what it finds.
   *
   * @returns the exit status.
   * @throws UsageError for arguments that it does not know; anything else that is thrown kept it from running.
   */
  run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number>
}

/** Arguments that cannot be meant; the message says which, and what is possible. */
export class UsageError extends Error {}
