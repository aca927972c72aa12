import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import nunjucks from 'nunjucks'
import { parse } from 'yaml'

const roles = fileURLToPath(new URL('../../ansible/roles', import.meta.url))

export type TemplateValues = Readonly<Record<string, unknown>>

/** A role's default variables. */
export function roleDefaults(role: string): TemplateValues {
  return parse(readFileSync(`${roles}/${role}/defaults/main.yml`, 'utf8')) as TemplateValues
}

/**
 * What Ansible would install: a role's template, which keeps to what nunjucks shares with Jinja2, with the role's
 * defaults and the values of this host.
 */
export function renderRole(role: string, template: string, values: TemplateValues): string {
  const environment = new nunjucks.Environment(new nunjucks.FileSystemLoader(`${roles}/${role}/templates`), {
    autoescape: false,
    throwOnUndefined: true,
    // As Ansible sets up Jinja2: a tag takes its line's end with it.
    trimBlocks: true,
  })
  return environment.render(template, {
    ansible_managed: 'Made for a test.',
    ...roleDefaults(role),
    ...values,
  })
}

/** An address of this machine that nobody else has, as good as a host of its own: every port of it is free. */
export function ownAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`
}
