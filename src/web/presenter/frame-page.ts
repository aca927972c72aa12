import type { FrameDocument } from '../../lib/presenter-settings.ts'
import { findTemplate } from '../../lib/templates/index.ts'
import type { ReadyTemplate } from '../../lib/templates/template.ts'
import { OPAQUE_SANDBOX } from './presenter-origin.ts'

export interface FramePage {
  html: string
  contentSecurityPolicy: string
}

interface Surroundings {
  /** Origin of the embedding page. */
  site: string
  /** Where the site's own scripts and styles are: that origin, or a CDN's address. */
  files: string
  locale: string
  isOpaque: boolean
}

/** The document of a ready template: our own scripts on the owner's settings, and media from where it
 * may have them. */
export function templatePage(
  { template, settings }: { template: string; settings: unknown },
  assets: { scripts: readonly string[]; styles: readonly string[] },
  around: Surroundings,
): FramePage {
  const { site, files, locale } = around
  return {
    html: [
      head(locale, { site, template, settings }),
      ...assets.styles.map((path) => `<link rel="stylesheet" href="${escaped(files + path)}">`),
      ...assets.scripts.map((path) => `<script defer src="${escaped(files + path)}"></script>`),
      '</head><body><main id="presenter"></main></body></html>',
    ].join('\n'),
    contentSecurityPolicy: policy(around, templatePolicy(around, findTemplate(template)?.policy)),
  }
}

function templatePolicy({ site, files }: Surroundings, added: ReadyTemplate['policy'] = {}): string[] {
  const own = [...new Set([site, new URL(files).origin])]
  const directives: Record<string, readonly string[]> = {
    'default-src': ["'none'"],
    'script-src': own,
    'style-src': own,
    'font-src': own,
    'img-src': ['http:', 'https:', 'data:', 'blob:'],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
  }
  for (const [name, sources] of Object.entries(added)) {
    directives[name] = [...(directives[name] ?? []), ...sources]
  }
  return Object.entries(directives).map(([name, sources]) => [name, ...sources].join(' '))
}

/** What stands before HTML of an owner: PyBossa's page has it there as well. */
export interface CodeAssets {
  style: string
  /** In the order in which they run. */
  scripts: readonly string[]
}

/**
 * The document of HTML that an owner wrote, byte for byte, after the libraries and the `pybossa` object that it expects.
 * Its policy is as open as presenters in the wild need: what protects the site is the origin it runs on.
 */
export function codePage(
  code: string,
  project: NonNullable<FrameDocument['project']>,
  assets: CodeAssets,
  around: Surroundings,
): FramePage {
  const { site, files, locale } = around
  const before = [
    head(locale, { site, template: null, settings: null, project }),
    `<link rel="stylesheet" href="${escaped(files + assets.style)}">`,
    // With `crossorigin` a browser tells what fails in a library, and from which line of the code it was called.
    ...assets.scripts.map((script) => `<script crossorigin src="${escaped(files + script)}"></script>`),
  ]
  return {
    html: [
      ...before,
      // Where the code begins, for whoever tells its author the line of a mistake.
      `</head><body data-code-line="${before.join('\n').split('\n').length + 1}"><div class="container">${code}</div>`,
      `<div id="PYBOSSA_USER_LOCALE" hidden>${escaped(locale)}</div></body></html>`,
    ].join('\n'),
    contentSecurityPolicy: policy(around, ["default-src * data: blob: 'unsafe-inline' 'unsafe-eval'"]),
  }
}

function head(locale: string, document: FrameDocument): string {
  return [
    `<!doctype html><html lang="${escaped(locale.replaceAll('_', '-'))}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Task</title>',
    `<script type="application/json" id="presenter-document">${scriptJson(document)}</script>`,
  ].join('\n')
}

function policy({ site, isOpaque }: Surroundings, directives: string[]): string {
  const sandbox = isOpaque ? [`sandbox ${OPAQUE_SANDBOX}`] : []
  return [...directives, `frame-ancestors ${site}`, ...sandbox].join('; ')
}

/** JSON that cannot end the script element it stands in. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/</g, '\\u003c')
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
}
