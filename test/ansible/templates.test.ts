import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { runProgram, succeeds } from '../../src/bin/local/run-program.ts'
import { renderTemplate, roleFolder } from '../support/role-template.ts'

const hasJinja = await succeeds('python3', ['-c', 'import jinja2, yaml'])

/** As Ansible's template module sets it up. */
const RENDER = `
import jinja2, sys, yaml
folder, template = sys.argv[1:]
environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder + '/templates'), trim_blocks=True,
                                 keep_trailing_newline=True, undefined=jinja2.StrictUndefined)
print(environment.get_template(template).render(yaml.safe_load(open(folder + '/defaults/main.yml'))))
`

/** Whose configurations tests start servers with. */
const ROLES = ['nginx', 'haproxy', 'pgbouncer', 'sentinel'].filter((role) => existsSync(roleFolder(role)))

for (const role of ROLES) {
  test(
    `the templates of ${role} are the same on a host as in the tests`,
    { skip: hasJinja ? false : 'apt-get install python3-jinja2 python3-yaml' },
    async () => {
      const whole = readdirSync(`${roleFolder(role)}/templates`).filter((name) => /\.\w+\.j2$/.test(name))
      assert.ok(whole.length > 0)
      for (const name of whole) {
        const jinja = await runProgram('python3', ['-c', RENDER, roleFolder(role), name])
        assert.deepEqual(linesOf(renderTemplate(role, name, {})), linesOf(jinja), name)
      }
    },
  )
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
