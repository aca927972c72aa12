import assert from 'node:assert/strict'
import type { Visitor } from './visit.ts'

/** Somebody who has registered and made a project. */
export interface Owner {
  readonly key: string
  readonly projectId: number
}

/** Registers, through the pages that people have for it. @returns a key for the API @param tag what is in all names */
export async function register(someone: Visitor, tag: string): Promise<string> {
  await someone.send('/account/register', {
    fullName: 'Ada of the cluster',
    name: `ada-${tag}`,
    email: `ada-${tag}@example.org`,
    password: `long enough ${tag}`,
  })
  const keys = await someone.send('/account/keys', { keyName: 'cluster' }, 200)
  const key = /<pre id="new-key"[^>]*>([^<]+)</.exec(keys.body)?.[1] ?? ''
  assert.ok(key, 'an API key is shown')
  return key
}

/** Registers and makes a project, through the pages that people have for it. @param tag what is in all names */
export async function openProject(someone: Visitor, tag: string): Promise<Owner> {
  const key = await register(someone, tag)
  await someone.send('/project/new', {
    name: `Birds ${tag}`,
    shortName: `birds${tag}`,
    description: 'Which bird?',
  })
  const { body } = await someone.get(`/api/project?short_name=birds${tag}&api_key=${key}`)
  const [project] = JSON.parse(body) as { id: number }[]
  assert.ok(project, 'the project is listed')
  return { key, projectId: project.id }
}
