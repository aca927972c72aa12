import { readFileSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { Router } from '@koa/router'
import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import type { AppControllerRoute, BullBoardQueues, IServerAdapter } from '@bull-board/api/typings/app'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import type { Context, Handler, RequestState } from '../../http/state.ts'
import { AppError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'

const BOARD = '/admin/jobs/board'

/**
 * bull-board, for admins: what the queue servers hold. Only to look at, since the truth about a job is its row: what
 * failed begins anew on the page around it.
 *
 * The adapter is ours, because that of the library brings an application of its own with a template engine, around the
 * site's rules about who may come in.
 */
export function jobBoardRoutes(app: Pick<App, 'queue' | 'config'>): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: BOARD })
  const board = describeBoard(app)

  for (const { route, handler } of board.routes) {
    router.get(route, forAdmins, async (ctx) => {
      const request = {
        queues: queuesOf(app),
        uiConfig: board.uiConfig,
        params: ctx.params,
        query: { ...ctx.query },
        body: {},
        headers: {},
      }
      const { status = 200, body } = await orAway(async () => handler(request))
      ctx.status = status
      ctx.set('Cache-Control', 'private, no-store')
      ctx.body = body
    })
  }

  router.get('/static/*file', forAdmins, async (ctx) => {
    const file = String(ctx.params['file'])
    if (!board.files.has(file)) throw new AppError('not-found', 'The job board has no such file.')
    ctx.type = extname(file)
    ctx.set('Cache-Control', 'private, max-age=86400')
    ctx.body = await readFile(join(board.filesFolder, file))
  })

  router.get(board.pages, forAdmins, (ctx) => {
    relaxPolicy(ctx)
    ctx.set('Cache-Control', 'private, no-store')
    ctx.type = 'html'
    ctx.body = board.html
  })

  return router
}

const forAdmins: Handler = async (ctx, next) => {
  mustBeAdmin(ctx.state.viewer)
  await next()
}

/** The board's scripts set styles of elements, and its page names where its addresses begin. */
function relaxPolicy(ctx: Context): void {
  const policy = ctx.response
    .get('Content-Security-Policy')
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    .replace("base-uri 'none'", "base-uri 'self'")
  ctx.set('Content-Security-Policy', policy)
}

/** Anew for each request: a queue whose servers were away is another one afterwards. */
function queuesOf({ queue }: Pick<App, 'queue'>): BullBoardQueues {
  const adapters = queue
    .queues()
    .map((one) => new BullMQAdapter(one, { readOnlyMode: true, allowRetries: false }))
  return new Map(adapters.map((adapter) => [adapter.getName(), adapter]))
}

async function orAway<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    throw new AppError('unavailable', 'The queue servers are away. Jobs wait in the database meanwhile.', {
      cause,
    })
  }
}

interface Board {
  readonly routes: readonly { route: string; handler: AppControllerRoute['handler'] }[]
  readonly uiConfig: object
  readonly pages: string[]
  readonly html: string
  readonly filesFolder: string
  readonly files: ReadonlySet<string>
}

/** What the library says that a board is made of; of what it can do, only the reading part. */
function describeBoard({ config }: Pick<App, 'config'>): Board {
  let [views, filesFolder, pages, uiConfig]: [string, string, string[], object] = ['', '', [], {}]
  let routes: Board['routes'] = []
  const adapter: IServerAdapter = {
    setQueues: () => adapter,
    setErrorHandler: () => adapter,
    setViewsPath(folder) {
      views = folder
      return adapter
    },
    setStaticPath(_route, folder) {
      filesFolder = folder
      return adapter
    },
    setEntryRoute({ route }) {
      pages = [route].flat()
      return adapter
    },
    setUIConfig(settings) {
      uiConfig = settings
      return adapter
    },
    setApiRoutes(all) {
      routes = all
        .filter(({ method }) => method === 'get')
        .flatMap(({ route, handler }) => [route].flat().map((path) => ({ route: path, handler })))
      return adapter
    },
  }
  const boardTitle = `${config.site.name}: jobs`
  createBullBoard({
    queues: [],
    serverAdapter: adapter,
    options: { uiConfig: { boardTitle, hideDocsLink: true } },
  })
  const names = readdirSync(filesFolder, { recursive: true, encoding: 'utf8' })
  const html = fillIn(readFileSync(join(views, 'index.ejs'), 'utf8'), {
    basePath: `${BOARD}/`,
    title: escaped(boardTitle),
    favIconDefault: 'static/images/logo.svg',
    favIconAlternative: 'static/favicon-32x32.png',
    uiConfig: JSON.stringify(uiConfig).replaceAll('<', '\\u003c'),
  })
  return { routes, uiConfig, pages, html, filesFolder, files: new Set(names) }
}

/** Fills the library's page in, and leaves out what it would fetch from elsewhere: a font. */
function fillIn(page: string, values: Record<string, string>): string {
  return page
    .replace(/<%[=-] (\w+) %>/g, (_, name: string) => values[name] ?? '')
    .replace(/<link href="https:[^>]*>/g, '')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
