import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { parse } from 'yaml'
import { z } from 'zod'

const roles = fileURLToPath(new URL('../../ansible/roles', import.meta.url))
const page = fileURLToPath(new URL('../../docs/operations/settings.md', import.meta.url))
const COMMAND = 'UPDATE_SETTINGS=1 npm test -- test/ansible/settings.test.ts'

const Specs = z.object({
  argument_specs: z.object({
    main: z.object({
      short_description: z.string(),
      options: z.record(
        z.string(),
        z.object({ type: z.string(), elements: z.string().optional(), description: z.string() }),
      ),
    }),
  }),
})

function specOf(role: string) {
  return Specs.parse(parse(readFileSync(`${roles}/${role}/meta/argument_specs.yml`, 'utf8'))).argument_specs
    .main
}

function defaultsOf(role: string): Record<string, unknown> {
  const file = `${roles}/${role}/defaults/main.yml`
  return existsSync(file) ? z.record(z.string(), z.unknown()).parse(parse(readFileSync(file, 'utf8'))) : {}
}

async function rendered(): Promise<string> {
  const parts = readdirSync(roles)
    .sort()
    .map((role) => {
      const { short_description: what, options } = specOf(role)
      const defaults = defaultsOf(role)
      const rows = Object.entries(options).map(([name, { type, elements, description }]) => {
        const value = JSON.stringify(defaults[name]).replaceAll('|', '\\|')
        const kind = elements === undefined ? type : `${type} of ${elements}`
        return `| \`${name}\` | ${kind} | \`${value}\` | ${description.replaceAll('|', '\\|')} |`
      })
      return [
        `## ${role}`,
        '',
        `${what}.`,
        '',
        '| Setting | Type | Default | What it is |',
        '|---|---|---|---|',
      ]
        .concat(rows)
        .join('\n')
    })
  const text = `# Settings of the roles

Made from the roles' argument specs by \`${COMMAND}\`; a test says when it is out of date. A site's inventory sets them, in
\`group_vars\` or for one host. What begins with \`{{\` is reckoned from others or from the host.

What \`ansible/group_vars/all/main.yml\` reckons overrides \`group_vars/all\` of an inventory, which says these instead:
\`site_web_processes\` for \`app_web_processes\`, \`site_settings\` for \`app_more_settings\`, \`site_backup_folder\` for
\`pgbackrest_folder\`, \`site_postgres_settings\` and \`site_postgres_hba\` for more of \`postgres_more_settings\` and
\`postgres_more_hba\`, \`site_floating_address\` for \`keepalived_floating_address\`, \`site_monitoring_memory_mb\`, the
memory from which a host has room for monitoring, and \`site_has_shared_disk\`, where the hosts share \`/var/lib/manyhands/files\`
by other means than the group \`files\` or a bucket. Everything else there can be set for one host in \`hosts.yml\`.

${parts.join('\n\n')}
`
  return format(text, { ...(await resolveConfig(page)), parser: 'markdown' })
}

test('every setting of a role is described, and nothing else is', () => {
  for (const role of readdirSync(roles))
    assert.deepEqual(Object.keys(specOf(role).options).sort(), Object.keys(defaultsOf(role)).sort(), role)
})

test('the page of settings is what the argument specs say', async () => {
  const now = await rendered()
  if (process.env['UPDATE_SETTINGS'] === '1') writeFileSync(page, now)
  assert.equal(readFileSync(page, 'utf8'), now, `Bring it up to date: ${COMMAND}`)
})
