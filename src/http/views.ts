import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { LRUCache } from 'lru-cache'
import nunjucks from 'nunjucks'
import { addWords, wordsVersion } from '../platform/words.ts'
import type { Assets } from './assets.ts'
import { takeFlash } from './flash.ts'
import type { ShownError } from './page-errors.ts'
import { csrfToken } from './same-origin.ts'
import { otherOrigins } from './security-headers.ts'
import { isUnchanged } from './sent-file.ts'
import type { Context, Flash, Handler, Site } from './state.ts'
import { wantsJson } from './wants-json.ts'
import { columnChart } from '../lib/column-chart.ts'
import { drawnPicture } from '../lib/drawn-picture.ts'
import { htmlText } from '../lib/html-text.ts'
import { readableBytes } from '../lib/readable-bytes.ts'
import { readableInfo } from '../lib/readable-info.ts'

const folder = fileURLToPath(new URL('../../templates', import.meta.url))

/**
 * A page that is the same for everybody, in caches in front of us: seconds, and for some more while a new one is fetched.
 * A browser asks each time whether its own still holds.
 */
const FOR_ALL = 'public, max-age=0, s-maxage=2, stale-while-revalidate=4'
/** The same page with somebody's name on it: kept by their browser, which asks each time. */
const FOR_ONE = 'private, no-cache'
/** Forms, and what only some may see: it is gone when they leave. */
const KEPT_NOWHERE = 'private, no-store'

export type View = Record<string, unknown>

/** The content of a page that is the same for everybody, rendered ahead: only what surrounds it differs. */
export interface Fragment {
  readonly template: string
  readonly title: string
  readonly html: string
  readonly view: View
}

export interface Views {
  /**
   * Answers with a page: HTML, or the view itself as JSON (see `wantsJson`) in PyBossa's shape: with `template` and
   * `title`, what is to be said once as `flash` and `status`, and forms as their fields with `errors` and `csrf`.
   *
   * @param options.shared the page is the same for everybody who is not signed in, and has no form.
   */
  render(ctx: Context, template: string, view: View, options?: { shared?: boolean }): void
  /** Renders a page's content ahead. Its template extends `layout` and uses nothing but the view. */
  fragment(template: string, view: View): Fragment
  /** Answers with a page whose content was rendered ahead, as `render` would have with `shared`. */
  renderFragment(ctx: Context, fragment: Fragment): void
  /** Differs whenever the templates do: fragments of other templates are not ours. */
  readonly version: string
  /** Answers with the page for an error. */
  error(ctx: Context, error: ShownError): void
  /** Tells who asked for JSON where a form leads to, and what is said there, instead of leading there. */
  readonly tellRedirects: Handler
}

/**
 * Sets up templates, words and formats.
 *
 * @param layout what surrounds the pages that do not choose it themselves, such as errors.
 */
export function createViews(app: Site, assets: Assets, layout = 'layouts/site.html'): Views {
  const environment = new nunjucks.Environment(
    new nunjucks.FileSystemLoader(folder, { noCache: app.config.templates.watch }),
    { autoescape: true, throwOnUndefined: false },
  )
  addWords(environment)
  environment.addGlobal('asset', (name: string) => (app.config.site.staticUrl ?? '') + assets.url(name))
  environment.addGlobal('elsewhere', otherOrigins(app.config))
  environment.addGlobal('layout', layout)
  addFormats(environment)
  const site = { siteName: app.config.site.name, siteUrl: app.config.site.url }

  function render(
    ctx: Context,
    template: string,
    view: View,
    { shared = false }: { shared?: boolean } = {},
  ): void {
    answer(ctx, { template, view, shared }, (around) => environment.render(template, { ...view, ...around }))
  }

  /** @param draw the whole page as HTML, from what surrounds its content. */
  function answer(
    ctx: Context,
    { template, view, shared }: { template: string; view: View; shared: boolean },
    draw: (around: View) => string,
  ): void {
    const flash = takeFlash(ctx, app)
    const isJson = wantsJson(ctx)
    const mayBeKept = shared && !flash && !isJson
    const isForAll = mayBeKept && !ctx.state.viewer
    ctx.set('Cache-Control', mayBeKept ? (isForAll ? FOR_ALL : FOR_ONE) : KEPT_NOWHERE)
    ctx.vary(VARIANTS)
    const html = draw({
      flash,
      viewer: ctx.state.viewer,
      isReadOnly: isReadOnly(ctx),
      requestId: ctx.state.requestId,
      path: ctx.path,
      comeBack: comeBackTo(ctx, view),
      ...site,
    })
    ctx.type = isJson ? 'application/json' : 'text/html; charset=utf-8'
    ctx.body = isJson ? asJson(template, view, html, flash) : html
    if (mayBeKept) sendIfNew(ctx, html)
    if (isForAll) compress(ctx, html)
  }

  function fragment(template: string, view: View): Fragment {
    const text = environment.render(template, { ...view, ...site, layout: 'layouts/fragment.html' })
    const [head = '', ...rest] = text.split(TITLE_END)
    return { template, title: head.trim(), html: rest.join(TITLE_END), view }
  }

  function asJson(template: string, { form, ...view }: View, html: string, flash: Flash | undefined): View {
    const csrf = csrfToken(app.sealer)
    const [, title = ''] = /<title>([\s\S]*?)<\/title>/.exec(html) ?? []
    return {
      ...view,
      ...(isForm(form) ? jsonForm(form, csrf) : { csrf }),
      ...said(flash),
      template: template.replace(/^pages\//, ''),
      title: htmlText(title),
    }
  }

  function jsonForm({ values, errors }: Form, csrf: string): View {
    const shown = Object.entries(values).filter(([name]) => !/passw/i.test(name))
    const messages = Object.entries(errors).map(([name, message]) => [name, [message]])
    const problem = { status: 'error', flash: htmlText(environment.renderString(PROBLEM, {})) }
    return {
      ...(messages.length > 0 ? problem : {}),
      form: { ...Object.fromEntries(shown), errors: Object.fromEntries(messages) as View, csrf },
    }
  }

  function said(flash: Flash | undefined): View {
    if (!flash) return {}
    return { status: 'success', flash: htmlText(environment.render('components/flash.html', { flash })) }
  }

  return {
    render,
    fragment,
    renderFragment(ctx, { template, title, html, view }) {
      answer(ctx, { template, view, shared: true }, (around) =>
        environment.render('layouts/ready.html', { ...around, title, html }),
      )
    },
    version: templatesVersion(),
    error(ctx, { status, message, unsent }) {
      const { requestId } = ctx.state
      const view = { code: status, description: message, requestId }
      if (unsent && !wantsJson(ctx))
        render(ctx, 'pages/errors/signed-out.html', { ...view, ...unsent, address: ctx.url })
      else render(ctx, 'pages/errors/error.html', view)
      if (wantsJson(ctx)) ctx.body = { ...(ctx.body as View), template: `${status}.html` }
      ctx.status = status
    },
    async tellRedirects(ctx, next) {
      await next()
      // A permanent one is the same page at its right address.
      if (ctx.status !== 302 || !wantsJson(ctx)) return
      const address = ctx.response.get('Location')
      ctx.remove('Location')
      ctx.status = 200
      ctx.set('Cache-Control', KEPT_NOWHERE)
      ctx.vary(VARIANTS)
      ctx.type = 'application/json'
      ctx.body = { next: address, status: 'success', ...said(ctx.state.flash) }
    },
  }
}

/** Whether nothing can be changed at the moment. An error may come before anybody has a handle to the database. */
function isReadOnly({ state }: { state: Partial<Context['state']> }): boolean {
  return state.db?.isReadOnly() ?? false
}

/** Says which page this is, and no more to a browser that has it. */
function sendIfNew(ctx: Context, html: string): void {
  // Weak, because it may be sent compressed.
  ctx.etag = `W/"${createHash('sha1').update(html).digest('base64url')}"`
  isUnchanged(ctx)
}

/** Pages by their ETag. */
const compressed = new LRUCache<string, Buffer>({ max: 200 })

/** Compresses a page for a cache in front of us, which keeps it so, or for a browser: many ask for the same. */
function compress(ctx: Context, html: string): void {
  ctx.vary('Accept-Encoding')
  if (ctx.status !== 200 || ctx.acceptsEncodings('gzip', 'identity') !== 'gzip') return
  const name = ctx.response.get('ETag')
  const bytes = compressed.get(name) ?? gzipSync(html)
  compressed.set(name, bytes)
  ctx.set('Content-Encoding', 'gzip')
  ctx.body = bytes
}

/** Ends the title in layouts/fragment.html. */
const TITLE_END = '<!-- title -->'

function templatesVersion(): string {
  const hash = createHash('sha256')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.html'),
  )
  for (const name of files.sort()) hash.update(name).update(readFileSync(join(folder, name)))
  return hash.update(wordsVersion).digest('base64url').slice(0, 10)
}

/** What an answer depends on besides its address. */
const VARIANTS = ['Cookie', 'Accept', 'Content-Type']

const PROBLEM = `{{ t('form.problem') }}`

interface Form {
  readonly values: Readonly<Record<string, unknown>>
  readonly errors: Readonly<Record<string, string>>
}

function isForm(form: unknown): form is Form {
  return typeof form === 'object' && form !== null && 'values' in form && 'errors' in form
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

const number = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact' })
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
  environment.addFilter('short', (value: number) => short.format(value))
  environment.addFilter('columns', (rows: readonly View[], key: string, names: readonly string[]) =>
    columnChart(
      rows.map((row) => ({ label: String(row[key]), values: names.map((name) => Number(row[name])) })),
    ),
  )
  environment.addFilter('bytes', (value: number) => readableBytes(value))
  environment.addFilter('utc', (value: string) => `${exact.format(new Date(value))} UTC`)
  environment.addFilter('ago', (value: string) => timeAgo(value))
  environment.addFilter('drawn', (url: string | null) => drawnPicture(url))
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
