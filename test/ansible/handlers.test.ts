import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'

const ansible = 'ansible'

interface Task {
  readonly when?: unknown
  readonly block?: readonly Task[]
  readonly 'ansible.builtin.import_role'?: { readonly name: string }
}
interface Play {
  readonly name: string
  readonly roles?: readonly { readonly role: string; readonly when?: unknown }[]
  readonly pre_tasks?: readonly Task[]
  readonly tasks?: readonly Task[]
}

/** A role that a play takes in, and the conditions under which it does. */
interface Taken {
  readonly role: string
  readonly when: readonly unknown[]
}

// Handlers of one name are one, with the conditions of whoever took in the role last.
test('a role with handlers is taken in under one condition in each play', () => {
  const files = readdirSync(ansible).filter((name) => name.endsWith('.yml') && name !== 'requirements.yml')
  const found = files.flatMap((file) =>
    (parse(readFileSync(join(ansible, file), 'utf8')) as Play[]).flatMap((play) => {
      const conditions = new Map<string, Set<string>>()
      for (const { role, when } of takenBy(play)) {
        if (!existsSync(join(ansible, 'roles', role, 'handlers/main.yml'))) continue
        conditions.set(role, (conditions.get(role) ?? new Set()).add(JSON.stringify(when)))
      }
      return [...conditions]
        .filter(([, { size }]) => size > 1)
        .map(([role]) => `${file}, ${play.name}: ${role}`)
    }),
  )
  assert.deepEqual(found, [])
})

function takenBy({ roles = [], pre_tasks = [], tasks = [] }: Play): readonly Taken[] {
  return [
    ...roles.flatMap(({ role, when }) => withImports({ role, when: when === undefined ? [] : [when] })),
    ...[...pre_tasks, ...tasks].flatMap((task) => importedBy(task, [])),
  ]
}

function withImports(taken: Taken): readonly Taken[] {
  const folder = join(ansible, 'roles', taken.role, 'tasks')
  const files = existsSync(folder) ? readdirSync(folder) : []
  const tasks = files.flatMap((file) => parse(readFileSync(join(folder, file), 'utf8')) as Task[])
  return [taken, ...tasks.flatMap((task) => importedBy(task, taken.when))]
}

function importedBy(task: Task, outer: readonly unknown[]): readonly Taken[] {
  const when = task.when === undefined ? outer : [...outer, task.when]
  const role = task['ansible.builtin.import_role']?.name
  return [
    ...(role === undefined ? [] : withImports({ role, when })),
    ...(task.block ?? []).flatMap((inner) => importedBy(inner, when)),
  ]
}
