import type { Router } from '@koa/router'
import type { z } from 'zod'
import { writes } from '../../http/state.ts'
import type { Context, RequestState } from '../../http/state.ts'
import { refuseUnknownArguments } from './list-arguments.ts'

/** One method at one address: what serves it, and what the OpenAPI document says of it. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'delete'
  /** Below /api, as the router writes it: /task/:id. */
  readonly path: string
  readonly summary: string
  /** Query arguments besides `api_key`. */
  readonly query?: Readonly<Record<string, z.ZodType>>
  /** The JSON body. */
  readonly body?: z.ZodType
  /** The body may come as multipart/form-data too, with a file. */
  readonly isUpload?: boolean
  /** What success looks like: JSON of this shape, else text, else nothing (204). */
  readonly shown: z.ZodType | 'text' | 'nothing'
  /** The work may be left to a worker: then the status is 202. */
  readonly mayQueue?: boolean
  /** Refusals in a shape of their own, by their status. */
  readonly refusals?: Readonly<Record<number, z.ZodType>>
  /** It writes although its method is GET. */
  readonly writes?: boolean
  /** Refuses other arguments in the address, in the name of this class of PyBossa. */
  readonly refuses?: { readonly className: string; readonly known: readonly string[] }
  readonly handle: (ctx: Context) => Promise<void> | void
}

/** Makes the routes that operations describe. */
export function registerOperations(router: Router<RequestState>, operations: readonly Operation[]): void {
  for (const { method, path, handle, ...rest } of operations) {
    const before = [
      ...(rest.writes ? [writes] : []),
      ...(rest.refuses ? [refuseUnknownArguments(rest.refuses.className, rest.refuses.known)] : []),
    ]
    router.register(path, [method], [...before, handle])
  }
}
