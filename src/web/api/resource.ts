import { z } from 'zod'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import type { ListQuery } from '../../platform/list-store.ts'
import { argument, idOf } from './input.ts'
import { listArguments, listQueryOf } from './list-arguments.ts'
import { readBody } from './noun.ts'
import type { BodyOf, Noun } from './noun.ts'
import type { Operation } from './operation.ts'
import { link, toWire } from './output.ts'

type Attributes = Noun['attributes']

/** What a noun's requests do; those left out are not possible. */
export interface ResourceHandlers<A extends Attributes, R extends object> {
  list?(ctx: Context, query: ListQuery): Promise<R[]>
  read?(ctx: Context, id: number): Promise<R>
  create?(ctx: Context, body: BodyOf<A>): Promise<R>
  /** The body is read when the handler asks, after it knows that the object is there and the caller may. */
  update?(ctx: Context, id: number, body: () => Promise<BodyOf<A>>): Promise<R>
  remove?(ctx: Context, id: number): Promise<void>
  /** Objects as this caller may see them, without links; all attributes when left out. */
  show?(ctx: Context, records: readonly R[]): Promise<Record<string, unknown>[]>
  /** What objects hold besides when a GET has this argument: one addition for each object, in their order. */
  readonly extras?: Readonly<Record<string, Extra>>
}

export type Extra = (
  ctx: Context,
  objects: readonly Record<string, unknown>[],
) => Promise<readonly Record<string, unknown>[]>

/** The five requests of a noun: list, read, create, update and delete, in PyBossa's shapes. */
export function resource<A extends Attributes, R extends object>(
  app: App,
  noun: Noun<A>,
  { list, read, create, update, remove, ...handlers }: ResourceHandlers<A, R>,
): Operation[] {
  const { path, className, known, shown } = noun
  const refuses = { className, known }
  const [all, one] = [`/${path}`, `/${path}/:id`]
  const withLinks = z.intersection(shown, Links)

  function show(ctx: Context, records: readonly R[]): Promise<Record<string, unknown>[]> {
    if (handlers.show) return handlers.show(ctx, records)
    return Promise.resolve(records.map((record) => toWire(record, noun.names)))
  }

  async function withLinksOf(ctx: Context, records: readonly R[]): Promise<Record<string, unknown>[]> {
    const objects = await show(ctx, records)
    const extras = await Promise.all(asked(ctx).map((extra) => extra(ctx, objects)))
    return objects.map((object, n) => ({
      ...object,
      ...marksOf(records[n]),
      ...Object.fromEntries(extras.flatMap((extra) => Object.entries(extra[n] ?? {}))),
      ...linksOf(app, noun, object),
    }))
  }

  function asked(ctx: Context): Extra[] {
    return Object.entries(handlers.extras ?? {})
      .filter(([name]) => argument(ctx, name) !== undefined)
      .map(([, extra]) => extra)
  }

  const operations: (Operation | undefined)[] = [
    list && {
      method: 'get',
      path: all,
      summary: `List objects of ${path}, oldest first`,
      query: listQueryOf(noun),
      shown: z.array(withLinks),
      async handle(ctx) {
        ctx.body = await withLinksOf(ctx, await list(ctx, listArguments(ctx, noun)))
      },
    },
    read && {
      method: 'get',
      path: one,
      summary: `Read one ${path}`,
      query: Object.fromEntries(
        Object.entries(noun.listArguments ?? {}).filter(([name]) => name in (handlers.extras ?? {})),
      ),
      shown: withLinks,
      async handle(ctx) {
        ;[ctx.body] = await withLinksOf(ctx, [await read(ctx, idOf(ctx))])
      },
    },
    create && {
      method: 'post',
      path: all,
      summary: `Create a ${path}`,
      body: noun.body,
      shown,
      refuses,
      async handle(ctx) {
        ;[ctx.body] = await show(ctx, [await create(ctx, await readBody(ctx, noun))])
      },
    },
    update && {
      method: 'put',
      path: one,
      summary: `Change what is given of one ${path}`,
      body: noun.body,
      shown,
      refuses,
      async handle(ctx) {
        ;[ctx.body] = await show(ctx, [await update(ctx, idOf(ctx), () => readBody(ctx, noun))])
      },
    },
    remove && {
      method: 'delete',
      path: one,
      summary: `Delete one ${path}`,
      shown: 'nothing',
      refuses,
      async handle(ctx) {
        await remove(ctx, idOf(ctx))
        ctx.status = 204
      },
    },
  ]
  return operations.filter((operation) => operation !== undefined)
}

/** What a full-text search found of an object. */
function marksOf(record: object | undefined): object {
  return record && 'headline' in record && 'rank' in record
    ? { headline: record.headline, rank: record.rank }
    : {}
}

export const Links = z.looseObject({ link: z.string().optional(), links: z.array(z.string()).optional() })

/** PyBossa's hypermedia: the object itself, and those whose ids it holds. */
export function linksOf(app: Pick<App, 'config'>, noun: Noun, object: Record<string, unknown>) {
  const { path, parents } = noun
  const to = (title: string, id: unknown, rel: string) => link(app.config.site.url, title, id, rel)
  if (noun.isUnlinked) return {}
  const own = { link: to(path, object['id'], 'self') }
  if (!parents) return own
  const links = Object.entries(parents).map(([attribute, parent]) =>
    to(parent, object[attribute], parent === 'category' ? 'category' : 'parent'),
  )
  return { ...own, links }
}
