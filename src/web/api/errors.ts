import type { App } from '../../platform/app.ts'
import { shownError } from '../../http/page-errors.ts'
import type { Context, Handler } from '../../http/state.ts'
import { InvalidError, NotFoundError, messageOf } from '../../lib/errors.ts'
import { sqlState } from '../../platform/postgres.ts'
import { isApi, partsOf } from './address.ts'

/** PyBossa's error classes, which its clients tell errors apart by. */
export type ErrorClass =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'ValueError'
  | 'TypeError'
  | 'AttributeError'
  | 'DataError'
  | 'DBIntegrityError'
  | 'RequestEntityTooLarge'
  | 'TooManyRequests'
  | 'ServiceUnavailable'
  | 'InternalServerError'

const STATUS: Record<ErrorClass, number> = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  ValueError: 415,
  TypeError: 415,
  AttributeError: 415,
  DataError: 415,
  DBIntegrityError: 415,
  RequestEntityTooLarge: 413,
  TooManyRequests: 429,
  ServiceUnavailable: 503,
  InternalServerError: 500,
}

/** The classes of a status. */
export function classesOf(status: number): string[] {
  return Object.entries(STATUS)
    .filter(([, other]) => other === status)
    .map(([errorClass]) => errorClass)
}

/** An error of the API in PyBossa's words. */
export class ApiError extends Error {
  readonly errorClass: ErrorClass

  constructor(errorClass: ErrorClass, message: string) {
    super(message)
    this.name = 'ApiError'
    this.errorClass = errorClass
  }
}

const CLASS_OF_STATUS: Record<number, ErrorClass> = {
  400: 'DBIntegrityError',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'DBIntegrityError',
  413: 'RequestEntityTooLarge',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
}

/**
 * Gives every failure below /api PyBossa's error shape: clients parse the body of any answer as JSON. Paths that
 * nothing answered are failures too.
 *
 * @param countRequest for requests that fail before they are counted: every answer tells the rate limit.
 */
export function apiErrors(app: Pick<App, 'log'>, countRequest: (ctx: Context) => Promise<void>): Handler {
  async function afterCounting(ctx: Context, error: unknown): Promise<unknown> {
    try {
      await countRequest(ctx)
      return error
    } catch (tooMany) {
      return tooMany
    }
  }

  return async (ctx, next) => {
    if (!isApi(ctx.path)) {
      await next()
      return
    }
    try {
      await next()
      if (ctx.status === 404 && ctx.body == null)
        throw new ApiError('NotFound', '404 Not Found: no such address')
      if (ctx.status === 405 || ctx.status === 501)
        throw new ApiError('MethodNotAllowed', 'Method not allowed')
    } catch (thrown) {
      const error = await afterCounting(ctx, thrown)
      const { errorClass, message } = classify(app, error, ctx)
      ctx.status = STATUS[errorClass]
      ctx.body = {
        ...whereItFailed(ctx, errorClass),
        status: 'failed',
        status_code: STATUS[errorClass],
        exception_cls: errorClass,
        exception_msg: message,
      }
    }
  }
}

function classify(
  app: Pick<App, 'log'>,
  error: unknown,
  ctx: Context,
): { errorClass: ErrorClass; message: string } {
  if (error instanceof ApiError) return { errorClass: error.errorClass, message: error.message }
  if (error instanceof InvalidError) {
    return { errorClass: 'DBIntegrityError', message: Object.values(error.fields)[0] ?? error.message }
  }
  if (error instanceof NotFoundError)
    return { errorClass: 'NotFound', message: `404 Not Found: ${error.message}` }
  // Class 22 is what the database says of a value that it cannot cast.
  if (sqlState(error)?.startsWith('22')) return { errorClass: 'DataError', message: messageOf(error) }
  const { status, message } = shownError(app, error, ctx)
  const errorClass = CLASS_OF_STATUS[status]
  return { errorClass: errorClass ?? 'InternalServerError', message }
}

/** PyBossa's handlers that are no noun's. */
const HANDLERS: readonly (readonly [address: RegExp, name: string])[] = [
  [/^\/api\/?$/, 'INDEX'],
  [/^\/api\/project\/[^/]+\/newtask\/?$/, 'NEW_TASK'],
  [/^\/api\/project\/[^/]+\/userprogress\/?$/, 'USER_PROGRESS'],
  [/^\/api\/auth\//, 'AUTH_JWT_PROJECT'],
]

/** Nouns whose deletion PyBossa reports by another word. */
const DEL = new Set(['user', 'favorites'])

/** PyBossa says what somebody did to which noun; of its other handlers, and of the rate limit, their name and address. */
function whereItFailed(ctx: Context, errorClass: ErrorClass): { action: string; target: string } {
  const { noun = '' } = partsOf(ctx.path)
  const method = ctx.method === 'HEAD' ? 'GET' : ctx.method
  const handler = HANDLERS.find(([address]) => address.test(ctx.path))?.[1]
  const isLimit = errorClass === 'TooManyRequests'
  // Its newtask itself catches what is wrong with a request, in the name of the project.
  const isCaught = handler === undefined || (handler === 'NEW_TASK' && !isLimit)
  const action = isCaught ? method : handler
  if (isLimit || !isCaught) return { action, target: ctx.path }
  return {
    action: DEL.has(noun) && method === 'DELETE' ? 'DEL' : action,
    target: noun === 'favorites' ? 'task' : noun,
  }
}
