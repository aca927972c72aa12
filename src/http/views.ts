import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import type { App } from '../platform/app.ts'
import { addWords } from '../platform/words.ts'
import type { Assets } from './assets.ts'
import { takeFlash } from './flash.ts'
import type { ShownError } from './page-errors.ts'
import type { Context } from './state.ts'
import { readableBytes } from '../lib/readable-bytes.ts'
import { readableInfo } from '../lib/readable-info.ts'

const folder = fileURLToPath(new URL('../../templates', import.meta.url))

/** How long a page that is the same for everybody may be answered from a cache in front of us, in seconds. */
const SHARED_SECONDS = 2

export type View = Record<string, unknown>

export interface Views {
  /**
   * Answers with a page: HTML, or the view itself as JSON when the client asks for it as PyBossa's clients do, by the
   * content type of its request or by `response_format=json`.
   *
   * @param options.shared the page is the same for everybody who is not signed in, and has no form.
   */
  render(ctx: Context, template: string, view: View, options?: { shared?: boolean }): void
  /** Answers with the page for an error. */
  error(ctx: Context, error: ShownError): void
}

/** Sets up templates, words and formats. */
export function createViews(app: Pick<App, 'config' | 'sealer'>, assets: Assets): Views {
  const environment = new nunjucks.Environment(
    new nunjucks.FileSystemLoader(folder, { noCache: app.config.templates.watch }),
    { autoescape: true, throwOnUndefined: false },
  )
  addWords(environment)
  environment.addGlobal('asset', (name: string) => assets.url(name))
  addFormats(environment)

  function render(
    ctx: Context,
    template: string,
    view: View,
    { shared = false }: { shared?: boolean } = {},
  ): void {
    const flash = wantsJson(ctx) ? undefined : takeFlash(ctx, app)
    const isForAll = shared && !ctx.state.viewer && !flash
    ctx.set('Cache-Control', isForAll ? `public, max-age=0, s-maxage=${SHARED_SECONDS}` : 'private, no-store')
    ctx.vary('Cookie')
    if (wantsJson(ctx)) {
      ctx.body = { ...view, template: template.replace(/^pages\//, '') }
      return
    }
    ctx.type = 'text/html; charset=utf-8'
    ctx.body = environment.render(template, {
      ...view,
      flash,
      viewer: ctx.state.viewer,
      requestId: ctx.state.requestId,
      path: ctx.path,
      comeBack: comeBackTo(ctx, view),
      siteName: app.config.site.name,
      siteUrl: app.config.site.url,
    })
  }

  return {
    render,
    error(ctx, { status, message, unsent }) {
      const { requestId } = ctx.state
      const view = { code: status, description: message, requestId }
      if (unsent && !wantsJson(ctx))
        render(ctx, 'pages/errors/signed-out.html', { ...view, ...unsent, address: ctx.url })
      else render(ctx, 'pages/errors/error.html', view)
      ctx.status = status
    },
  }
}

/**
 * What brings somebody back who goes to sign in or up: the query for this page, or on the way there for the page before.
 * It depends on the address alone, so that one cached page is right for everybody.
 */
function comeBackTo(ctx: Context, { next }: View): string {
  const isSeen = ctx.method === 'GET' || ctx.method === 'HEAD'
  const isWorthIt = isSeen && ctx.path !== '/' && !ctx.path.startsWith('/account/')
  const address = isWorthIt ? ctx.url : next
  return typeof address === 'string' && address !== '' && address !== '/'
    ? `?next=${encodeURIComponent(address)}`
    : ''
}

function wantsJson(ctx: Context): boolean {
  return ctx.get('Content-Type') === 'application/json' || ctx.query['response_format'] === 'json'
}

const number = new Intl.NumberFormat('en')
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const UNITS = [
  { unit: 'minute', seconds: 60 },
  { unit: 'hour', seconds: 3_600 },
  { unit: 'day', seconds: 86_400 },
  { unit: 'month', seconds: 30 * 86_400 },
  { unit: 'year', seconds: 365 * 86_400 },
] as const

function addFormats(environment: nunjucks.Environment): void {
  environment.addFilter('number', (value: number) => number.format(value))
  environment.addFilter('bytes', (value: number) => readableBytes(value))
  environment.addFilter('utc', (value: string) => `${exact.format(new Date(value))} UTC`)
  environment.addFilter('ago', (value: string) => timeAgo(value))
  environment.addFilter('json', (value: unknown) => JSON.stringify(value))
  environment.addFilter('readable', (value: unknown) => readableInfo(value))
}

/** An ISO time relative to now, in the greatest unit that fits: 3 minutes ago. */
function timeAgo(time: string): string {
  const seconds = Math.round((new Date(time).getTime() - Date.now()) / 1_000)
  let fitting: { unit: Intl.RelativeTimeFormatUnit; seconds: number } = { unit: 'second', seconds: 1 }
  for (const step of UNITS) if (Math.abs(seconds) >= step.seconds) fitting = step
  return relative.format(Math.trunc(seconds / fitting.seconds), fitting.unit)
}
