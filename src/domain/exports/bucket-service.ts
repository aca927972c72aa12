import { addAbortSignal, Readable } from 'node:stream'
import { z } from 'zod'
import { AppError, InvalidError, messageOf } from '../../lib/errors.ts'
import { fieldErrors } from '../../lib/field-errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { FileStoreError } from '../../platform/files.ts'
import { PermanentError, PostponeError } from '../../platform/job.ts'
import type { JobRun } from '../../platform/job.ts'
import type { Tx } from '../../platform/postgres.ts'
import type { GuardedBucket } from '../../platform/s3.ts'
import { randomToken } from '../../platform/sealing.ts'
import { queueNotice } from '../mails/mail-service.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { getProjectById, mustEdit } from '../projects/project-service.ts'
import type { Project } from '../projects/project-service.ts'
import {
  deleteBucket,
  findBucket,
  markDelivered,
  markUndelivered,
  upsertBucket,
} from './bucket-repository.ts'
import type { ExportBucket, StoredBucket } from './bucket-repository.ts'
import { findExport, findRequest } from './export-repository.ts'
import type { ProjectExport } from './export-repository.ts'
import { exportPageUrl } from './export-service.ts'

export type { ExportBucket } from './bucket-repository.ts'

const PURPOSE = 'export-bucket'

/** What the form for a bucket asks for. */
const BucketForm = z.object({
  endpoint: z
    .string()
    .trim()
    .max(500, 'Use at most 500 characters.')
    .refine(
      (text) => text === '' || isServiceAddress(text),
      'Write the address of the service, such as https://s3.example.org, or nothing for Amazon’s own.',
    )
    .transform((text) => (text === '' ? null : text)),
  region: z
    .string()
    .trim()
    .regex(/^[\w-]{1,60}$/, 'Write the region, such as eu-central-1.'),
  bucket: z
    .string()
    .trim()
    .regex(/^[\w.-]{3,255}$/, 'Write the name of the bucket.'),
  prefix: z
    .string()
    .trim()
    .max(500, 'Use at most 500 characters.')
    .refine((text) => !/^\/|\p{Cc}/u.test(text), 'A name begins without a slash.'),
  keyId: z.string().trim().min(1, 'Write the id of the key.').max(200, 'Use at most 200 characters.'),
  secret: z.string().trim().max(500, 'Use at most 500 characters.'),
  isPathStyle: z.boolean(),
})

export type BucketInput = z.input<typeof BucketForm>

function isServiceAddress(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, search, hash } = new URL(text)
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === ''
}

/** Where a project's exports are brought, without the secret; undefined when nowhere. */
export async function findExportBucket(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<ExportBucket | undefined> {
  mustEdit(viewer, project)
  const stored = await db.read((reader) => findBucket(reader, project.id))
  return stored && withoutSecret(stored)
}

function withoutSecret({ secretSealed: _, ...bucket }: StoredBucket): ExportBucket {
  return bucket
}

/**
 * Has a project's exports brought into a bucket.
 *
 * @param input.secret empty to keep the one that is stored, as long as key and service stay.
 * @throws InvalidError with a message per field.
 */
export async function saveExportBucket(
  app: Pick<App, 'sealer'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  input: BucketInput,
): Promise<void> {
  mustEdit(viewer, project)
  const parsed = BucketForm.safeParse(input)
  if (!parsed.success) throw new InvalidError('Some fields need another look.', fieldErrors(parsed.error))
  const { secret, ...bucket } = parsed.data
  const given = secret === '' ? undefined : await app.sealer.seal(PURPOSE, secret, Infinity)
  await db.write(async (tx) => {
    const stored = await findBucket(tx, project.id)
    const kept = stored && isSameKey(stored, bucket) ? stored.secretSealed : undefined
    const secretSealed = given ?? kept
    if (secretSealed === undefined)
      throw new InvalidError('Some fields need another look.', { secret: 'Write the secret of this key.' })
    await upsertBucket(tx, project.id, { ...bucket, secretSealed })
  })
}

/** A secret is never sent to another service than it was given for. */
function isSameKey(one: ExportBucket, other: ExportBucket): boolean {
  return one.endpoint === other.endpoint && one.keyId === other.keyId
}

export async function removeExportBucket(
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
): Promise<void> {
  mustEdit(viewer, project)
  await db.write((tx) => deleteBucket(tx, project.id))
}

/** Nobody waits longer for a page, in milliseconds. */
const TRIAL_MS = 20_000

/**
 * Writes a small object into the bucket of a project and removes it.
 *
 * @throws AppError conflict with what failed, for its owner to read.
 */
export async function tryExportBucket(
  app: Pick<App, 'sealer' | 'config'>,
  db: RequestDb,
  viewer: MaybeViewer,
  project: Project,
  timeMs = TRIAL_MS,
): Promise<void> {
  mustEdit(viewer, project)
  const stored = await db.readPrimary((primary) => findBucket(primary, project.id))
  if (!stored) throw new AppError('conflict', 'There is no bucket to try. Save one first.')
  const time = AbortSignal.timeout(timeMs)
  const bucket = await openBucket(app, stored, time)
  const key = `${stored.prefix}manyhands-trial-${randomToken()}.txt`
  try {
    await said('Nothing could be written', bucket.put(key, Readable.from([TRIAL_TEXT])))
    await said('Something was written, but could not be removed again', bucket.remove(key))
  } catch (error) {
    if (!time.aborted) throw error
    throw new AppError('conflict', `The service did not answer within ${timeMs / 1_000} seconds.`)
  } finally {
    bucket.close()
  }
}

const TRIAL_TEXT = Buffer.from('Manyhands tried whether it can bring exports here. This can be removed.\n')

async function said<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new AppError('conflict', `${what}. ${messageOf(error)}`, { cause: error })
  }
}

/** Of one request and its reply, in milliseconds: a large upload is put together by its service in minutes. */
const REQUEST_MS = 300_000

/**
 * @param signal ends what is done with the bucket.
 * @throws PermanentError when the application's key that sealed the secret is gone.
 */
async function openBucket(
  app: Pick<App, 'sealer' | 'config'>,
  stored: StoredBucket,
  signal: AbortSignal,
): Promise<GuardedBucket> {
  const secret = await app.sealer.open(PURPOSE, stored.secretSealed)
  if (typeof secret !== 'string')
    throw new PermanentError('The secret of your bucket cannot be read any more. Enter it again.')
  const { createGuardedBucket } = await import('../../platform/s3.ts')
  const { endpoint, region, bucket, keyId: key, isPathStyle } = stored
  const settings = { endpoint: endpoint ?? undefined, region, bucket, key, secret, isPathStyle }
  const { privateAddresses } = app.config.web
  return createGuardedBucket(settings, { privateAddresses, signal, requestMs: REQUEST_MS })
}

/** How long a delivery may take: a service that is slower would keep others' exports waiting. */
const PACE = { leastMs: 120_000, bytesPerMs: 128 }

/** Owners whose exports this process is bringing: each one at a time, so that slow buckets of one leave room for others. */
const servedOwners = new WeakMap<App['files'], Set<number>>()
/** Until an export of an owner who is served already comes again. */
const TURN_SECONDS = 20

/**
 * Brings a finished export into its project's bucket: the file that is stored, not a second export. Nothing happens when
 * it was brought already; where the file or the bucket is gone, its page says so.
 *
 * @throws PermanentError where trying again does not help; PostponeError while this process brings another export of the
 *   same owner.
 */
export async function deliverExport(
  app: Pick<App, 'sealer' | 'config' | 'files'>,
  run: Pick<JobRun, 'openDb' | 'commit' | 'signal'>,
  exportId: number,
  pace = PACE,
): Promise<void> {
  const record = await run.openDb().readPrimary((primary) => findExport(primary, exportId))
  if (!record || record.delivered !== null) return
  const { fileKey } = record
  const stored = await run.openDb().readPrimary((primary) => findBucket(primary, record.projectId))
  if (fileKey === null || !stored) {
    await run.commit((tx) => markUndelivered(tx, exportId, stored ? FILE_GONE : BUCKET_GONE))
    return
  }
  const { ownerId } = await getProjectById(run.openDb(), record.projectId)
  const served = servedOwners.get(app.files) ?? new Set()
  servedOwners.set(app.files, served)
  if (served.has(ownerId)) throw new PostponeError('Another export of this owner is on its way', TURN_SECONDS)
  served.add(ownerId)
  try {
    await bring(app, run, { record: { ...record, fileKey }, stored, pace })
  } finally {
    served.delete(ownerId)
  }
  await run.commit((tx) => markDelivered(tx, exportId))
}

async function bring(
  app: Pick<App, 'sealer' | 'config' | 'files'>,
  run: Pick<JobRun, 'signal'>,
  delivery: { record: ProjectExport & { fileKey: string }; stored: StoredBucket; pace: typeof PACE },
): Promise<void> {
  const { record, stored, pace } = delivery
  const timeMs = pace.leastMs + Math.ceil((record.bytes ?? 0) / pace.bytesPerMs)
  const time = AbortSignal.timeout(timeMs)
  const signal = AbortSignal.any([run.signal, time])
  const bucket = await openBucket(app, stored, signal)
  try {
    const content = Readable.from(storedContent(app, record.fileKey), { objectMode: false })
    await bucket.put(`${stored.prefix}${objectName(record)}`, addAbortSignal(signal, content))
  } catch (error) {
    if (time.aborted) throw tooSlow(timeMs, error)
    const isHopeless = error instanceof FileStoreError && error.trouble === 'refused'
    throw isHopeless ? new PermanentError(error.message, { cause: error }) : error
  } finally {
    bucket.close()
  }
}

const FILE_GONE = 'The file of this export was removed before it could be brought.'
const BUCKET_GONE = 'The project has no bucket any more.'

function tooSlow(timeMs: number, cause: unknown): FileStoreError {
  const minutes = Math.ceil(timeMs / 60_000)
  return new FileStoreError('away', `The bucket did not take the export within ${minutes} minutes.`, {
    cause,
  })
}

/** Trouble with our own store is not that of the bucket. */
async function* storedContent({ files }: Pick<App, 'files'>, key: string): AsyncGenerator<Buffer> {
  try {
    yield* files.read(key) as AsyncIterable<Buffer>
  } catch (error) {
    throw new Error('The file of the export could not be read', { cause: error })
  }
}

/** The name of its zip, with the moment that it shows: `1_galaxies_task_csv_2026-11-21T02-00-00Z.zip`. */
function objectName({ fileName, started, created, isDelta }: ProjectExport): string {
  const moment = `${(started ?? created).slice(0, 19).replaceAll(':', '-')}Z`
  return `${(fileName ?? 'export.zip').replace(/\.zip$/, '')}${isDelta ? '_delta' : ''}_${moment}.zip`
}

/** Says why an export could not be brought: on its page, and to who subscribed to it by one mail a day at most. */
export async function giveUpDelivery(
  app: Pick<App, 'queue' | 'config' | 'sealer'>,
  tx: Tx,
  exportId: number,
  error: unknown,
): Promise<void> {
  const isTheirs = error instanceof FileStoreError || error instanceof PermanentError
  const reason = isTheirs ? error.message : 'Something went wrong on our side. We have noted what.'
  await markUndelivered(tx, exportId, reason)
  const request = await findRequest(tx, exportId)
  if (!request) return
  const { userId, projectId, email } = request
  await queueNotice(app, tx, {
    to: { id: userId, email },
    kind: 'project',
    once: `export-undelivered-${new Date().toISOString().slice(0, 10)}-${projectId}-${userId}`,
    subject: `Your export of ${request.projectName} did not reach your bucket`,
    template: 'export-undelivered',
    view: { projectName: request.projectName, reason, url: exportPageUrl(app, request.shortName) },
  })
}

/** Lets it be brought again. */
export async function reopenDelivery(tx: Tx, exportId: number): Promise<void> {
  await markUndelivered(tx, exportId, null)
}
