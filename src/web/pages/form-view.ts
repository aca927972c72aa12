import { AppError } from '../../lib/errors.ts'
import type { ErrorKind, FieldErrors } from '../../lib/errors.ts'
import type { Context } from '../../http/state.ts'
import { wantsJson } from '../../http/wants-json.ts'

/** A form as its page shows it: what stands in the fields, and what is wrong with them. */
export interface FormView {
  values: Readonly<Record<string, unknown>>
  errors: FieldErrors
}

const SHOWN_AGAIN: Partial<Record<ErrorKind, number>> = {
  invalid: 422,
  conflict: 409,
  'too-large': 413,
  'too-many': 429,
}

/**
 * Runs a form's action. Input that is refused shows the form again, with the messages beside the fields and what was
 * typed kept.
 *
 * @param show renders the page around the form.
 */
export async function orShowAgain(
  ctx: Context,
  values: Readonly<Record<string, unknown>>,
  show: (form: FormView) => void | Promise<void>,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action()
  } catch (error) {
    const status = error instanceof AppError ? SHOWN_AGAIN[error.kind] : undefined
    if (!(error instanceof AppError) || status === undefined) throw error
    const errors = Object.keys(error.fields).length > 0 ? error.fields : { '': error.message }
    await show({ values, errors })
    // PyBossa's clients look for the messages in an answer that succeeded.
    const isSaidInJson = wantsJson(ctx) && (status === 422 || status === 409)
    ctx.status = isSaidInJson ? 200 : status
    if (error.retryAfter !== undefined) ctx.set('Retry-After', String(error.retryAfter))
  }
}
