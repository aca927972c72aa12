import { createHash } from 'node:crypto'

/** An error that nobody had foreseen, as admins are told of it: where it happened, and nothing of what it said. */
export interface Fault {
  /** The same for the same error at the same place, also after other lines of the file were changed. */
  readonly fingerprint: string
  readonly name: string
  readonly place: string
  readonly trace: string
}

const FRAMES_MAX = 8
/** A longer line is no frame of ours, and would be searched for long. */
const LINE_MAX = 500
/** A frame of our own code: what it is called, and the file without the folder that the machine keeps it in. */
const OWN_FRAME =
  /^\s*at (?:async )?(?:(.+?) \()?(?:file:\/\/)?\/(?!.*node_modules)\S*?\/((?:src|jobs)\/[\w./-]+):(\d+):\d+\)?$/
const CODE = /^[A-Z0-9_]{2,40}$/

/**
 * What may be told of an error. Its message may hold anything, an address or a key: the log has it, for those who run the
 * machines.
 *
 * @param place the route, not the address that was asked for.
 */
export function faultOf(error: unknown, place: string): Fault {
  const name = nameOf(error)
  const frames = framesOf(error)
  const identity = [name, place, ...frames.map(({ called, file }) => `${called} ${file}`)].join('\n')
  const trace = frames.map(({ called, file, line }) => `${called} (${file}:${line})`).join('\n')
  return { fingerprint: createHash('sha256').update(identity).digest('hex').slice(0, 16), name, place, trace }
}

function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const { code } = error as { code?: unknown }
  const { name } = error.constructor
  return typeof code === 'string' && CODE.test(code) ? `${name} ${code}` : name
}

function framesOf(error: unknown): { called: string; file: string; line: string }[] {
  return (error instanceof Error ? wayOf(error) : '')
    .split('\n')
    .filter(({ length }) => length <= LINE_MAX)
    .flatMap((text) => {
      const [, called = 'a function', file, line] = OWN_FRAME.exec(text) ?? []
      return file !== undefined && line !== undefined ? [{ called, file, line }] : []
    })
    .slice(0, FRAMES_MAX)
}

/** What comes after the message, whose lines may look like frames; nothing where it is not known which part that is. */
function wayOf({ message, stack = '' }: Error): string {
  const start = stack.indexOf(message)
  const isInHead = start !== -1 && !stack.slice(0, start).includes('\n')
  return isInHead ? stack.slice(start + message.length) : ''
}
