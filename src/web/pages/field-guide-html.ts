import MarkdownIt from 'markdown-it'
import sanitizeHtml from 'sanitize-html'

const markdown = new MarkdownIt({ html: false, linkify: true })

/**
 * A field guide made safe for the site's own pages: no scripts, no styles, and pictures only from the site's uploads.
 *
 * @param siteUrl what addresses of uploads begin with.
 */
export function fieldGuideHtml(text: string, siteUrl: string): string {
  return sanitizeHtml(markdown.render(text), {
    allowedTags: [...sanitizeHtml.defaults.allowedTags, 'img'],
    allowedAttributes: { a: ['href', 'rel', 'target'], img: ['src', 'alt', 'loading'] },
    allowedSchemes: ['http', 'https', 'mailto'],
    transformTags: {
      // The page has a heading of the first rank, and the panel one of the second.
      h1: 'h3',
      h2: 'h4',
      h3: 'h5',
      h4: 'h6',
      // A reader in the middle of a task stays there.
      a: sanitizeHtml.simpleTransform('a', { rel: 'nofollow noopener', target: '_blank' }),
      // A picture from elsewhere would tell its host who reads: its description stands for it.
      img(tagName, { src = '', alt = '' }) {
        const path = ownPicture(src, siteUrl)
        return path === undefined
          ? { tagName: 'em', attribs: {}, text: alt }
          : { tagName, attribs: { src: path, alt, loading: 'lazy' } }
      },
    },
  })
}

/** The path of an upload of this site; undefined for every other address. */
function ownPicture(address: string, siteUrl: string): string | undefined {
  const path = address.startsWith(`${siteUrl}/`) ? address.slice(siteUrl.length) : address
  return /^\/uploads\/[\w-]+\/[\w.-]+$/.test(path) ? path : undefined
}
