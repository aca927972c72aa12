import type { z } from 'zod'
import type { FieldErrors } from './errors.ts'

/** The first message of each field that a schema refused; nested fields by their dotted path. */
export function fieldErrors(error: z.ZodError): FieldErrors {
  const fields: FieldErrors = {}
  for (const issue of error.issues) {
    const path = issue.path.join('.')
    fields[path] ??= issue.message
  }
  return fields
}
