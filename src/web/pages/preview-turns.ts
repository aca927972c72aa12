import { AppError } from '../../lib/errors.ts'

/** A large zip of 500 MB lies on this machine's disk while it is looked at. */
const AT_ONCE = 3
const AGAIN_SECONDS = 10

/** Has one person look at one large zip at a time, and this process at a few. */
export function createPreviewTurns() {
  const looking = new Set<number>()

  /** @throws AppError too-many when it is not this person's turn. */
  return async function inTurn<T>(userId: number, work: () => Promise<T>): Promise<T> {
    if (looking.has(userId)) throw tooMany('We are still reading your file.')
    if (looking.size >= AT_ONCE) throw tooMany('Many large files are being read at the moment.')
    looking.add(userId)
    try {
      return await work()
    } finally {
      looking.delete(userId)
    }
  }
}

function tooMany(reason: string): AppError {
  const message = `${reason} Try again in ${AGAIN_SECONDS} seconds: nothing is lost.`
  return new AppError('too-many', message, { retryAfter: AGAIN_SECONDS })
}
