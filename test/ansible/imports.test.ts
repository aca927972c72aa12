import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'

const roles = 'ansible/roles'
const WAYS = ['ansible.builtin.import_role', 'ansible.builtin.include_role'] as const

type Task = Partial<
  Record<(typeof WAYS)[number], { readonly name: string; readonly tasks_from?: string }>
> & {
  readonly name?: string
  readonly vars?: Readonly<Record<string, unknown>>
  readonly block?: readonly Task[]
}

interface Import {
  readonly of: string
  readonly by: string
  readonly vars: readonly string[]
}

// What one import of a role says, all others of the same play hear where they do not say it themselves.
test('whoever imports a role says all that another import of it says', () => {
  const imports = readdirSync(roles).flatMap((role) => importsOf(role))
  const said = new Map<string, Set<string>>()
  for (const { of, vars } of imports) said.set(of, new Set([...(said.get(of) ?? []), ...vars]))
  const silent = imports.flatMap(({ of, by, vars }) =>
    [...(said.get(of) ?? [])].filter((one) => !vars.includes(one)).map((one) => `${by}: ${one}`),
  )
  assert.deepEqual(silent, [])
  assert.ok(imports.length > 0)
})

function importsOf(role: string): readonly Import[] {
  const folder = join(roles, role, 'tasks')
  return readdirSync(folder).flatMap((file) =>
    withBlocks(parse(readFileSync(join(folder, file), 'utf8')) as Task[]).flatMap((task) => {
      const taken = WAYS.map((way) => task[way]).find((one) => one !== undefined)
      if (!taken) return []
      const of = [taken.name, taken.tasks_from].join(' ')
      return [{ of, by: `${role}, ${task.name ?? ''}`, vars: Object.keys(task.vars ?? {}) }]
    }),
  )
}

function withBlocks(tasks: readonly Task[]): readonly Task[] {
  return tasks.flatMap((task) => [task, ...withBlocks(task.block ?? [])])
}
