import {
  createContent,
  deleteContent,
  getContent,
  listContents,
  openContentDesk,
  openDesk,
  updateContent,
} from '../../domain/contents/content-service.ts'
import type { ContentNoun, ContentValues } from '../../domain/contents/content-service.ts'
import type { App } from '../../platform/app.ts'
import { idOf } from './input.ts'
import type { BodyOf, Noun } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire } from './output.ts'
import { resource } from './resource.ts'
import { withFile } from './upload.ts'
import { boolean, integer, jsonObject, text, time } from './values.ts'

/** Attributes of what somebody writes and changes. */
export const RECORD = {
  id: { field: 'id', schema: integer, use: 'reserved' },
  created: { field: 'created', schema: time, use: 'reserved' },
  updated: { field: 'updated', schema: time, use: 'reserved' },
} as const

/** Attributes of a text that is published. */
export const POST = {
  user_id: { field: 'userId', schema: integer, use: 'reserved' },
  title: { field: 'title', schema: text },
  body: { field: 'body', schema: text },
  info: { field: 'info', schema: jsonObject },
  media_url: { field: 'mediaUrl', schema: text },
  published: { field: 'published', schema: boolean },
} as const

/** The five requests of something that people write beside their tasks; POST and PUT take a file too. */
export function contentOperations<A extends Noun['attributes']>(
  app: App,
  noun: Noun<A>,
  content: ContentNoun,
): Operation[] {
  const { path, body, shown, className, known } = noun
  const write = { body, shown, isUpload: true, refuses: { className, known } } as const
  return [
    ...resource(app, noun, {
      list: (ctx, query): Promise<object[]> => listContents(ctx.state.db, content, query),
      read: (ctx, id) => getContent(ctx.state.db, content, ctx.state.viewer, id),
      async remove(ctx, id) {
        const { db, viewer } = ctx.state
        await deleteContent(app, db, await openContentDesk(db, content, viewer, id))
      },
    }),
    {
      ...write,
      method: 'post',
      path: `/${path}`,
      summary: `Create a ${path}`,
      async handle(ctx) {
        const { db, viewer } = ctx.state
        ctx.body = await withFile(app, ctx, noun, async (read, file) => {
          const values = valuesOf(noun, await read())
          const desk = await openDesk(db, content, viewer, values.projectId)
          return toWire(await createContent(app, db, desk, values, file), noun.names)
        })
      },
    },
    {
      ...write,
      method: 'put',
      path: `/${path}/:id`,
      summary: `Change what is given of one ${path}; a form with a file changes only the file`,
      async handle(ctx) {
        const { db, viewer } = ctx.state
        const desk = await openContentDesk(db, content, viewer, idOf(ctx))
        ctx.body = await withFile(app, ctx, noun, async (read, file) => {
          const values = file ? {} : valuesOf(noun, await read())
          return toWire(await updateContent(app, db, desk, values, file), noun.names)
        })
      },
    },
  ]
}

/** A body under the domain's names. */
function valuesOf<A extends Noun['attributes']>({ attributes }: Noun<A>, body: BodyOf<A>): ContentValues {
  return Object.fromEntries(
    Object.entries<unknown>(body).map(([name, value]) => [attributes[name]?.field ?? name, value]),
  )
}
