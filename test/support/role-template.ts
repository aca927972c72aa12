import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import { parse } from 'yaml'

export type Variables = Readonly<Record<string, unknown>>

/** Where a role of Ansible has its files. */
export function roleFolder(role: string): string {
  return fileURLToPath(new URL(`../../ansible/roles/${role}`, import.meta.url))
}

/**
 * A configuration as Ansible writes it on a host: the role's template, which keeps to what nunjucks shares with Jinja2,
 * with the role's defaults and what differs from them.
 */
export function renderTemplate(role: string, template: string, variables: Variables): string {
  const folder = roleFolder(role)
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(`${folder}/templates`), {
    autoescape: false,
    throwOnUndefined: true,
    // As Ansible sets up Jinja2.
    trimBlocks: true,
  })
  const defaults = parse(readFileSync(`${folder}/defaults/main.yml`, 'utf8')) as Variables
  return environment.render(template, { ...defaults, ...variables })
}
