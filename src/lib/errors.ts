/** What went wrong, in words a caller can act on. The edge (http) alone turns a kind into a status. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'too-large'
  | 'too-many'
  | 'unavailable'

/** Messages per field of a form, for a person to read. */
export type FieldErrors = Record<string, string>

export interface ErrorDetail {
  /** Field messages, when the error is about input. */
  fields?: FieldErrors
  /** Seconds after which trying again makes sense. */
  retryAfter?: number
  cause?: unknown
}

/** An error whose message may be shown to the caller. Anything else that is thrown is a bug. */
export class AppError extends Error {
  readonly kind: ErrorKind
  readonly fields: FieldErrors
  readonly retryAfter: number | undefined

  constructor(kind: ErrorKind, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'AppError'
    this.kind = kind
    this.fields = detail.fields ?? {}
    this.retryAfter = detail.retryAfter
  }
}

/** Input that breaks a rule; `fields` names the culprits. */
export class InvalidError extends AppError {
  constructor(message: string, fields: FieldErrors = {}) {
    super('invalid', message, { fields })
    this.name = 'InvalidError'
  }
}

/** A record that is not there, or that the caller must not know of. */
export class NotFoundError extends AppError {
  readonly noun: string

  constructor(noun: string, id: number | string) {
    super('not-found', `There is no ${noun} ${id}.`)
    this.name = 'NotFoundError'
    this.noun = noun
  }
}

/** The caller is known and may not. */
export class ForbiddenError extends AppError {
  constructor(message: string) {
    super('forbidden', message)
    this.name = 'ForbiddenError'
  }
}

/** The caller has to sign in (or send a valid key) first. */
export class UnauthenticatedError extends AppError {
  constructor(message = 'Sign in first.') {
    super('unauthenticated', message)
    this.name = 'UnauthenticatedError'
  }
}

/** What an error says, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Why somebody may not: a way to sign in helps only who has not. */
export function refusal(viewer: object | undefined, message: string): AppError {
  return viewer ? new ForbiddenError(message) : new UnauthenticatedError(message)
}
