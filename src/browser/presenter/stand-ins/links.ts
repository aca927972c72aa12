/**
 * Links of a presenter mean pages of the site, which only lets this page into its frames: the page around it follows
 * them. A link to elsewhere opens beside it, so that the task stays.
 */
export function followLinks(site: string, navigate: (path: string) => void): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null
    const href = link?.getAttribute('href') ?? ''
    if (!link || event.defaultPrevented || link.hasAttribute('target') || /^(#|$)/.test(href)) return
    if (!/^([a-z][a-z0-9+.-]*:|\/\/)/i.test(href) || href.startsWith(`${site}/`)) {
      event.preventDefault()
      navigate(href)
    } else if (/^(https?:)?\/\//i.test(href)) {
      link.setAttribute('target', '_blank')
      link.setAttribute('rel', 'noopener')
    }
  })
}
