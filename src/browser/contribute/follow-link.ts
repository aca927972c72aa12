/** Pages of the whole site that presenters link to. */
const SITE_PAGES = ['/', '/project', '/app']

/**
 * Follows a link of an owner's HTML when the visitor just pressed something: into its own project, also by the name that
 * projects had before PyBossa 1.0, or to the site's front. All else is not followed.
 */
export function followLink(href: string, shortName: string): void {
  const target = URL.parse(href, location.href)
  if (target?.origin !== location.origin || !navigator.userActivation.isActive) return
  const path = target.pathname.replace(/\/$/, '') || '/'
  const isInside = [`/project/${shortName}`, `/app/${shortName}`].some((home) =>
    `${path}/`.startsWith(`${home}/`),
  )
  if (isInside || SITE_PAGES.includes(path)) location.assign(target.pathname)
}
