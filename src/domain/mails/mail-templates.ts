import nunjucks from 'nunjucks'
import { fileURLToPath } from 'node:url'
import { addWords } from '../../platform/words.ts'

const templates = fileURLToPath(new URL('../../../templates', import.meta.url))
const loader = new nunjucks.FileSystemLoader(templates)
const html = new nunjucks.Environment(loader, { autoescape: true, throwOnUndefined: true })
const text = new nunjucks.Environment(loader, { autoescape: false, throwOnUndefined: true })
for (const environment of [html, text]) addWords(environment, { strict: true })

/** Both bodies of a mail. Values that came from `SafeString` markup stay as they are in HTML. */
export function renderMail(template: string, view: object): { textBody: string; htmlBody: string } {
  return {
    textBody: text.render(`email/${template}.txt`, view),
    htmlBody: html.render(`email/${template}.html`, view),
  }
}
