import type { App } from '../platform/app.ts'
import { FileStoreError } from '../platform/files.ts'
import { isDatabaseAway, isDatabaseBusy } from '../platform/postgres.ts'
import { AppError } from '../lib/errors.ts'
import type { ErrorKind } from '../lib/errors.ts'
import { readTyped } from './form.ts'
import type { TypedForm } from './form.ts'
import type { Context, Handler } from './state.ts'
import { tellUnforeseen } from './unforeseen.ts'
import { wantsJson } from './wants-json.ts'

// A new ErrorKind does not compile until it has a status here.
const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'too-large': 413,
  'too-many': 429,
  unavailable: 503,
}

export interface ShownError {
  status: number
  message: string
  /** A form that was sent without being signed in; `typed` is what it said, as far as that can be kept. */
  unsent?: { typed: TypedForm | undefined }
}

/** A failover takes seconds. */
const AWAY_SECONDS = 5
/** A store of files comes back when somebody has seen to it. */
const STORE_SECONDS = 60

const CANNOT_READ = 'The site cannot reach its data at the moment. Try again in a few seconds.'
/** Whether what was sent arrived is not known: the connection may have ended between a commit and its answer. */
const CANNOT_WRITE =
  'Nothing can be stored at the moment. Look in a few seconds whether what you sent is there, and send it again if not.'

function isRead({ method }: Context): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** What a caller is told of a throw: the message of an AppError; of a bug only that there was one. */
export function shownError(app: Pick<App, 'log'>, error: unknown, ctx: Context): ShownError {
  if (error instanceof AppError) {
    if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter))
    return { status: STATUS[error.kind], message: error.message }
  }
  if (isDatabaseAway(error)) {
    app.log.warn({ err: error, method: ctx.method, path: ctx.path }, 'database away')
    ctx.set('Retry-After', String(AWAY_SECONDS))
    return { status: 503, message: isRead(ctx) ? CANNOT_READ : CANNOT_WRITE }
  }
  if (isDatabaseBusy(error)) {
    app.log.warn({ err: error, method: ctx.method, path: ctx.path }, 'database busy')
    ctx.set('Retry-After', '1')
    return { status: 503, message: 'The site is busy with this at the moment. Try again in a few seconds.' }
  }
  if (error instanceof FileStoreError) {
    app.log.error({ err: error, method: ctx.method, path: ctx.path }, 'file store in trouble')
    ctx.set('Retry-After', String(STORE_SECONDS))
    return {
      status: 503,
      message:
        error.trouble === 'full'
          ? 'The site has no room left for files. It has been noted; nothing was changed.'
          : 'The site cannot reach its files at the moment. Nothing was changed: try again in a minute.',
    }
  }
  app.log.error({ err: error, method: ctx.method, path: ctx.path }, 'unhandled error')
  tellUnforeseen(ctx, error)
  return { status: 500, message: 'Something went wrong on our side. It has been noted.' }
}

/**
 * Turns every throw below it, and every path without a page, into the error page. Who is not signed in is led to signing
 * in; a form that was sent meanwhile is handed back to be sent again.
 *
 * @param render shows a status and a sentence.
 */
export function pageErrors(
  app: Pick<App, 'log'>,
  render: (ctx: Context, error: ShownError) => void,
): Handler {
  async function showThrown(ctx: Context, error: unknown): Promise<void> {
    const shown = shownError(app, error, ctx)
    const isPerson = !ctx.is('json') && !wantsJson(ctx)
    const asks = shown.status === 401 && isPerson ? ctx.method : undefined
    if (asks === 'GET') ctx.redirect(`/account/signin?next=${encodeURIComponent(ctx.url)}`)
    else if (asks === 'POST') render(ctx, { ...shown, unsent: { typed: await readTyped(ctx) } })
    else render(ctx, shown)
  }

  return async (ctx, next) => {
    try {
      await next()
      if (ctx.body != null) return
      if (ctx.status === 404) {
        render(ctx, { status: 404, message: 'There is no page at this address.' })
      } else if (ctx.status === 405 || ctx.status === 501) {
        render(ctx, { status: 405, message: 'This page cannot be used in this way.' })
      }
    } catch (error) {
      await showThrown(ctx, error)
    }
  }
}
