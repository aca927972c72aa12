import { InvalidError, NotFoundError, refusal } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { RequestDb } from '../../platform/database.ts'
import { listRows } from '../../platform/list-store.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import type { Db, Tx } from '../../platform/postgres.ts'
import { deleteRow, findRow, insertRow, lockRow, updateRow } from '../../platform/row-store.ts'
import type { Table } from '../../platform/row-store.ts'
import type { Json, JsonObject } from '../../platform/schema.ts'
import { mayEditProject } from '../projects/project-policy.ts'
import type { MaybeViewer } from '../projects/project-policy.ts'
import { getProject, mustEdit } from '../projects/project-service.ts'
import {
  attachUpload,
  detachUpload,
  forgetUpload,
  infoWithFile,
  keepingUpload,
  mediaUrlOf,
} from '../uploads/upload-service.ts'
import type { NewFile, Upload } from '../uploads/upload-service.ts'
import { mustBeAdmin } from '../users/user-policy.ts'
import { CONTENT_TABLES } from './content-repository.ts'
import type { Content, ContentNoun } from './content-repository.ts'

export type { ContentNoun } from './content-repository.ts'

/**
 * What people write beside their tasks. Announcements are the site's: admins write them. Blog posts, helping materials
 * and pages are a project's: its owners write them. Each may have a file.
 */

/** As much of a content as its writers give; null asks for the default. */
export interface ContentValues {
  readonly projectId?: number | null | undefined
  readonly info?: JsonObject | null
  readonly [field: string]: unknown
}

const REQUIRED: Record<ContentNoun, readonly string[]> = {
  announcement: ['title', 'body'],
  blogpost: ['title', 'body'],
  helping_material: [],
  project_page: ['slug'],
}

/** What is stored where nothing is given; of any other field null. */
const DEFAULTS: Readonly<Record<string, unknown>> = { info: {}, priority: 0, published: false }

/** Titles and slugs stand in addresses and headings. */
/** A text of a book's chapter; nothing here is a place for files. */
const CHARS_MAX: Readonly<Record<string, number>> = {
  ...{ title: 255, slug: 255, mediaUrl: 2_000 },
  ...{ body: 200_000, info: 1_000_000 },
}

/** A page of contents by their attributes, as records of the list's fields. */
export async function listContents(
  db: RequestDb,
  noun: ContentNoun,
  query: ListQuery,
): Promise<Record<string, unknown>[]> {
  return db.read((reader) => listRows(reader, tableOfNoun(noun), query))
}

function tableOfNoun(noun: ContentNoun): Table<keyof Content> {
  return CONTENT_TABLES[noun]
}

/**
 * A content that this person may see.
 *
 * @throws NotFoundError; UnauthenticatedError or ForbiddenError for what is not published, or in a draft.
 */
export async function getContent(
  db: RequestDb,
  noun: ContentNoun,
  viewer: MaybeViewer,
  id: number,
): Promise<Content> {
  const content = await db.read((reader) => findContent(reader, noun, id))
  const isHidden = content['published'] === false
  if (content.projectId === undefined) {
    if (isHidden && viewer?.isAdmin !== true)
      throw refusal(viewer, 'This is not published: only admins see it.')
    return content
  }
  const project = await getProject(db, viewer, content.projectId)
  if (isHidden && !mayEditProject(viewer, project))
    throw refusal(viewer, 'This is not published: only owners of its project see it.')
  return content
}

type AnyContent = Content & { projectId?: number } & Record<string, unknown>

async function findContent(db: Db, noun: ContentNoun, id: number): Promise<AnyContent> {
  const content = await findRow<Content>(db, tableOfNoun(noun), id)
  if (!content) throw notFound(noun, id)
  return content as AnyContent
}

function notFound(noun: ContentNoun, id: number): NotFoundError {
  return new NotFoundError(noun.replace('_', ' '), id)
}

/** Who may write a content: found out before what they write is read. */
export interface Desk {
  readonly noun: ContentNoun
  readonly projectId: number | undefined
  readonly writerId: number
  /** Whose files the content's is kept with. */
  readonly container: string
}

/** A desk at which a content lies that is there already. */
export interface ContentDesk extends Desk {
  readonly id: number
}

/** @throws NotFoundError; UnauthenticatedError or ForbiddenError for others than owners, or admins for announcements. */
export async function openDesk(
  db: RequestDb,
  noun: ContentNoun,
  viewer: MaybeViewer,
  projectId: number | null | undefined,
): Promise<Desk> {
  if (noun === 'announcement') {
    const { id } = mustBeAdmin(viewer)
    return { noun, projectId: undefined, writerId: id, container: `user_${id}` }
  }
  if (projectId == null) throw new InvalidError('project_id is required')
  const project = await getProject(db, viewer, projectId)
  const { id } = mustEdit(viewer, project)
  return { noun, projectId, writerId: id, container: `user_${project.ownerId}` }
}

/** The same for a content that is there. */
export async function openContentDesk(
  db: RequestDb,
  noun: ContentNoun,
  viewer: MaybeViewer,
  id: number,
): Promise<ContentDesk> {
  const { projectId } = await db.read((reader) => findContent(reader, noun, id))
  return { ...(await openDesk(db, noun, viewer, projectId)), id }
}

type ContentApp = Pick<App, 'config' | 'files' | 'log' | 'queue'>

/** @throws InvalidError for a value that is missing or too long, or a kind of file that is not taken. */
export async function createContent(
  app: ContentApp,
  db: RequestDb,
  desk: Desk,
  values: ContentValues,
  file: NewFile | undefined,
): Promise<Content> {
  const { noun, projectId } = desk
  const missing = REQUIRED[noun].find((field) => values[field] === undefined)
  if (missing !== undefined) throw new InvalidError(`${missing} is required`)
  const checked = stored(noun, values)
  return keepingUpload(app, db, desk.container, file, (upload) =>
    db.write(async (tx) => {
      const id = await insertRow(tx, tableOfNoun(noun), {
        ...checked,
        ...(upload ? ofFile(app, upload, values.info ?? {}) : {}),
        projectId,
        userId: Object.hasOwn(CONTENT_TABLES[noun].columns, 'userId') ? desk.writerId : undefined,
      })
      if (upload) await attachUpload(app, tx, upload, { noun, id })
      const content = await findContent(tx, noun, id)
      await announce(app, tx, noun, content)
      return content
    }),
  )
}

/** Changes what is given of a content; a new file takes the place of the one it had. */
export async function updateContent(
  app: ContentApp,
  db: RequestDb,
  { noun, id, container, projectId }: ContentDesk,
  values: ContentValues,
  file: NewFile | undefined,
): Promise<Content> {
  if (values.projectId != null && values.projectId !== projectId)
    throw new InvalidError('What belongs to a project stays in it')
  const checked = stored(noun, { ...values, projectId: undefined })
  const { content, replaced } = await keepingUpload(app, db, container, file, (upload) =>
    db.write(async (tx) => {
      // Another change at the same moment would leave the words of one file beside the address of the other.
      await lockRow(tx, tableOfNoun(noun), id)
      const before = await findContent(tx, noun, id)
      await updateRow(tx, tableOfNoun(noun), id, { ...checked, ...fileAfter(app, before, values, upload) })
      const old = upload && (await attachUpload(app, tx, upload, { noun, id }))
      const after = await findContent(tx, noun, id)
      if (before['published'] !== true) await announce(app, tx, noun, after)
      return { content: after, replaced: old }
    }),
  )
  await forgetUpload(app, db, replaced)
  return content
}

/** A blog post that has just been published is told to contributors who want to hear of it. */
async function announce(app: ContentApp, tx: Tx, noun: ContentNoun, content: AnyContent): Promise<void> {
  if (noun === 'blogpost' && content['published'] === true)
    await app.queue.enqueue(tx, 'announce-blogpost', { blogpostId: content.id })
}

function ofFile(app: ContentApp, upload: Upload, info: JsonObject): { mediaUrl: string; info: Json } {
  return { mediaUrl: mediaUrlOf(app, upload), info: infoWithFile(info, upload) }
}

/** What a change makes of address and info: the words that name the file stay in an info that is replaced. */
function fileAfter(
  app: ContentApp,
  before: Content,
  values: ContentValues,
  upload: Upload | undefined,
): { mediaUrl?: string; info?: Json } {
  const info = values.info === undefined ? before.info : (values.info ?? {})
  if (upload) return ofFile(app, upload, info)
  const { container, file_name: fileName } = before.info
  if (values.info === undefined || container === undefined || fileName === undefined) return {}
  return { info: { ...info, container, file_name: fileName } }
}

/** Removes a content with its file. */
export async function deleteContent(
  app: ContentApp,
  db: RequestDb,
  { noun, id }: ContentDesk,
): Promise<void> {
  const upload = await db.write((tx) => deleteWithUpload(tx, noun, id))
  await forgetUpload(app, db, upload)
}

async function deleteWithUpload(tx: Tx, noun: ContentNoun, id: number): Promise<Upload | undefined> {
  if (!(await deleteRow(tx, tableOfNoun(noun), id))) throw notFound(noun, id)
  return detachUpload(tx, { noun, id })
}

/** Values as the table takes them. @throws InvalidError for one that is missing or too long */
function stored(noun: ContentNoun, values: ContentValues): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([field, value]) => {
      const isRequired = REQUIRED[noun].includes(field)
      if (isRequired && value === null) throw new InvalidError(`${field} is required`)
      mustFit(field, value)
      return [field, value === null ? (DEFAULTS[field] ?? null) : value]
    }),
  )
}

function mustFit(field: string, value: unknown): void {
  const charsMax = CHARS_MAX[field]
  if (charsMax === undefined || value == null) return
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  if (text.length > charsMax)
    throw new InvalidError(`${field} is too long: ${charsMax} characters are the most`)
}
