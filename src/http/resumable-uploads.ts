import { randomBytes } from 'node:crypto'
import { Server } from '@tus/server'
import type { ServerOptions } from '@tus/server'
import { AppError, NotFoundError, UnauthenticatedError } from '../lib/errors.ts'
import type { App } from '../platform/app.ts'
import type { RequestDb } from '../platform/database.ts'
import { isOwnUpload } from '../platform/resumable.ts'
import type { Context, Handler } from './state.ts'

type ServerRequest = Parameters<NonNullable<ServerOptions['onUploadCreate']>>[0]

const PATH = '/resumable'
const METHODS = ['POST', 'HEAD', 'PATCH', 'OPTIONS']

/**
 * Uploads by the tus protocol (https://tus.io): whoever is signed in begins one with POST and goes on with it where it
 * broke off; a form then names it instead of bringing the file (`withUpload`). Nobody can read one back.
 */
export function resumableUploads(app: Pick<App, 'config' | 'resumable'>): Handler {
  const contexts = new WeakMap<object, Owned>()
  let server: Server | undefined
  const open = () => (server ??= createServer(app, contexts))

  return async (ctx, next) => {
    const [, id] = /^\/resumable(?:\/([^/]*))?$/.exec(ctx.path) ?? []
    if (!METHODS.includes(ctx.method) || (ctx.path !== PATH && id === undefined)) {
      await next()
      return
    }
    // The library would take a name out of a query as well.
    if (ctx.querystring !== '') throw new NotFoundError('upload', ctx.querystring)
    const viewer = mayUse(ctx, id)
    if (viewer !== undefined) contexts.set(ctx.req, { userId: viewer, db: ctx.state.db })
    ctx.respond = false
    await open().handle(ctx.req, ctx.res)
  }
}

/** Who an upload is of, and the handle of the request that begins it. */
interface Owned {
  readonly userId: number
  readonly db: RequestDb
}

/** As the library is told of it. */
function refusal({ message }: AppError): Error {
  return Object.assign(new Error(message), { status_code: 429, body: message })
}

/** @throws UnauthenticatedError; NotFoundError for somebody else's upload. */
function mayUse(ctx: Context, id: string | undefined): number | undefined {
  if (ctx.method === 'OPTIONS') return undefined
  const { viewer } = ctx.state
  if (!viewer) throw new UnauthenticatedError('Sign in to send files.')
  if (id !== undefined && !isOwnUpload(viewer.id, id)) throw new NotFoundError('upload', id)
  return viewer.id
}

function createServer(
  { config, resumable }: Pick<App, 'config' | 'resumable'>,
  contexts: WeakMap<object, Owned>,
): Server {
  const ownedBy = ({ runtime }: ServerRequest) => {
    const owned = runtime?.node && contexts.get(runtime.node.req)
    if (!owned) throw new Error('An upload begins for nobody')
    return owned
  }
  return new Server({
    path: PATH,
    datastore: resumable.store(),
    maxSize: config.uploads.resumableBytesMax,
    allowedOrigins: [config.site.url],
    namingFunction: (request) =>
      resumable.keyOf(`${ownedBy(request).userId}-${randomBytes(16).toString('hex')}`),
    async onUploadCreate(request, { id, size = config.uploads.resumableBytesMax }) {
      const { userId, db } = ownedBy(request)
      try {
        await resumable.begin(db, { id: resumable.idOf(id), userId, bytes: size })
      } catch (error) {
        throw error instanceof AppError ? refusal(error) : error
      }
      return {}
    },
    generateUrl: (_request, { path, id }) => `${path}/${resumable.idOf(id)}`,
    getFileIdFromRequest: (_request, id) => (id === undefined ? undefined : resumable.keyOf(id)),
  })
}
