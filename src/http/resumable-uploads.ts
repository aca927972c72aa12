import { randomBytes } from 'node:crypto'
import { Server } from '@tus/server'
import { NotFoundError, UnauthenticatedError } from '../lib/errors.ts'
import type { App } from '../platform/app.ts'
import { isOwnUpload } from '../platform/resumable.ts'
import type { Context, Handler } from './state.ts'

const PATH = '/resumable'
const METHODS = ['POST', 'HEAD', 'PATCH', 'OPTIONS']

/**
 * Uploads by the tus protocol (https://tus.io): whoever is signed in begins one with POST and goes on with it where it
 * broke off; a form then names it instead of bringing the file (`withUpload`). Nobody can read one back.
 */
export function resumableUploads(app: Pick<App, 'config' | 'resumable'>): Handler {
  const owners = new WeakMap<object, number>()
  let server: Server | undefined
  const open = () => (server ??= createServer(app, owners))

  return async (ctx, next) => {
    const [, id] = /^\/resumable(?:\/([^/]*))?$/.exec(ctx.path) ?? []
    if (!METHODS.includes(ctx.method) || (ctx.path !== PATH && id === undefined)) {
      await next()
      return
    }
    // The library would take a name out of a query as well.
    if (ctx.querystring !== '') throw new NotFoundError('upload', ctx.querystring)
    const viewer = mayUse(ctx, id)
    if (viewer !== undefined) owners.set(ctx.req, viewer)
    ctx.respond = false
    await open().handle(ctx.req, ctx.res)
  }
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
  owners: WeakMap<object, number>,
): Server {
  return new Server({
    path: PATH,
    datastore: resumable.store(),
    maxSize: config.uploads.resumableBytesMax,
    allowedOrigins: [config.site.url],
    namingFunction({ runtime }) {
      const owner = runtime?.node && owners.get(runtime.node.req)
      return resumable.keyOf(`${owner ?? 0}-${randomBytes(16).toString('hex')}`)
    },
    generateUrl: (_request, { path, id }) => `${path}/${resumable.idOf(id)}`,
    getFileIdFromRequest: (_request, id) => (id === undefined ? undefined : resumable.keyOf(id)),
  })
}
