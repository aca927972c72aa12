import { z } from 'zod'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import type { RequestDb } from '../../platform/database.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import { COMPONENTS } from './availability.ts'
import type { Component } from './availability.ts'
import { insertIncident, insertNote, listIncidents, setEnded } from './incident-repository.ts'
import type { Incident } from './incident-repository.ts'

type Admin = { readonly id: number; readonly isAdmin: boolean } | undefined

const body = z
  .string()
  .trim()
  .min(1, 'Write what people should know.')
  .max(5_000, 'Use at most 5,000 characters.')

const NewIncident = z.object({
  title: z.string().trim().min(1, 'Write a title.').max(120, 'Use at most 120 characters.'),
  components: z.array(z.enum(COMPONENTS)).min(1, 'Choose what is touched.'),
  body,
})
const Note = z.object({ body })

const LISTED = { days: 365, limit: 50 }

/** Those of the last year. @throws UnauthenticatedError or ForbiddenError for others than admins, as all of these do. */
export async function listAllIncidents(db: RequestDb, viewer: Admin): Promise<Incident[]> {
  mustBeAdmin(viewer)
  return db.read((reader) => listIncidents(reader, LISTED))
}

/** Tells of trouble, from now on. @throws InvalidError with a message per field */
export async function tellIncident(
  db: RequestDb,
  viewer: Admin,
  form: { title?: string; body?: string; components: readonly Component[] },
): Promise<void> {
  const { id: userId } = mustBeAdmin(viewer)
  const incident = checked(NewIncident, { title: '', body: '', ...form })
  await db.write(async (tx) => {
    const incidentId = await insertIncident(tx, incident)
    await insertNote(tx, { incidentId, userId, body: incident.body })
  })
}

/** Tells how it went on, and whether it is over. @throws InvalidError; NotFoundError */
export async function addToIncident(
  db: RequestDb,
  viewer: Admin,
  incidentId: number,
  { isOver, ...form }: { body?: string; isOver: boolean },
): Promise<void> {
  const { id: userId } = mustBeAdmin(viewer)
  const note = checked(Note, { body: '', ...form })
  await db.write(async (tx) => {
    if (!(await setEnded(tx, incidentId, isOver))) throw new NotFoundError('incident', incidentId)
    await insertNote(tx, { incidentId, userId, body: note.body })
  })
}

function checked<T>(schema: z.ZodType<T>, form: unknown): T {
  const parsed = schema.safeParse(form)
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  return parsed.data
}
