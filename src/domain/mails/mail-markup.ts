import MarkdownIt from 'markdown-it'
import sanitizeHtml from 'sanitize-html'

const markdown = new MarkdownIt({ html: true, linkify: true })

/** Mail programs drop style sheets: each tag carries its own. */
const STYLES = {
  p: 'margin:0 0 16px',
  h1: 'font-size:20px;line-height:1.3;margin:20px 0 8px',
  h2: 'font-size:18px;line-height:1.3;margin:20px 0 8px',
  h3: 'font-size:16px;line-height:1.3;margin:16px 0 8px',
  ul: 'margin:0 0 16px;padding-left:24px',
  ol: 'margin:0 0 16px;padding-left:24px',
  blockquote: 'margin:0 0 16px;padding-left:12px;border-left:3px solid #e4ded2',
  pre: 'margin:0 0 16px;white-space:pre-wrap',
} as const

/** Markdown or HTML that somebody wrote, as HTML for mails: no scripts, no pictures, no styles but ours. */
export function mailHtml(text: string): string {
  return sanitizeHtml(markdown.render(text), {
    allowedTags: [...Object.keys(STYLES), 'a', 'li', 'strong', 'em', 'b', 'i', 'code', 'br', 'hr'],
    allowedAttributes: {
      a: ['href', 'style'],
      ...Object.fromEntries(Object.keys(STYLES).map((tag) => [tag, ['style']])),
    },
    allowedSchemes: ['http', 'https', 'mailto'],
    transformTags: {
      ...Object.fromEntries(
        Object.entries(STYLES).map(([tag, style]) => [
          tag,
          sanitizeHtml.simpleTransform(tag, { style }, false),
        ]),
      ),
      a: (tagName, { href = '' }) => ({ tagName, attribs: { href, style: 'color:#0b5f63' } }),
    },
  })
}

/** The same as text: Markdown is readable as it is, of HTML the words stay. */
export function mailText(text: string): string {
  const plain = sanitizeHtml(text, { allowedTags: [], allowedAttributes: {}, disallowedTagsMode: 'discard' })
  return plain.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').trim()
}
