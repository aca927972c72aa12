import { createHash } from 'node:crypto'
import type { ExportColumn, ExportDescription } from '../domain/exports/export-work.ts'
import type { Licence } from '../lib/licences.ts'
import { askedText } from './asked-text.ts'
import type { ExportMember, ExportMembers } from './exporter.ts'

interface WrittenMember {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  readonly fields: readonly string[]
}

/**
 * The members of an export, and after them README.txt and datapackage.json (frictionlessdata.io), which say what they are
 * a picture of, what each column means, what people were asked, and by which rules.
 *
 * @param explained what a format is that has no columns.
 */
export async function* described(
  members: ExportMembers,
  about: ExportDescription,
  explained?: string,
): AsyncGenerator<ExportMember> {
  const written: WrittenMember[] = []
  for await (const member of members) yield measured(member, written)
  yield textMember('README.txt', () => readme(about, written, explained))
  yield textMember('datapackage.json', () => `${JSON.stringify(dataPackage(about, written), null, 2)}\n`)
}

function textMember(name: string, text: () => string): ExportMember {
  return {
    name,
    async write(take) {
      await take(text())
      return undefined
    },
  }
}

function measured({ name, write }: ExportMember, written: WrittenMember[]): ExportMember {
  return {
    name,
    async write(take) {
      const hash = createHash('sha256')
      let bytes = 0
      const fields = await write(async (part) => {
        hash.update(part)
        bytes += Buffer.byteLength(part)
        await take(part)
      })
      written.push({ name, bytes, sha256: hash.digest('hex'), fields: fields ?? [] })
      return fields
    },
  }
}

const WHAT: Record<ExportDescription['table'], string> = {
  task: 'tasks',
  task_run: 'task runs (each is what one contributor said about one task)',
  result: 'results of completed tasks',
  combined: 'task runs, each with its task',
  wide: 'tasks, each with its task runs side by side',
}

function readme(
  about: ExportDescription,
  members: readonly WrittenMember[],
  explained: string | undefined,
): string {
  const { project, versions, ruleChanges, licence } = about
  const parts = [
    `${project.name}\n${'='.repeat(project.name.length)}\n${project.description}\n${project.url}`,
    `Licence: ${licence ? `${licence.title} (${licence.id}), ${licence.url}` : 'the project states none. Ask its owner before you pass this on.'}`,
    `${about.nRows} ${WHAT[about.table]}, as they were at ${about.moment} (UTC).${
      about.since === null
        ? ''
        : '\nOnly what is new or changed since the export before; what is gone is listed in the members whose names hold "deleted".'
    }\nThe cut, as PostgreSQL writes it: ${about.cut}${about.since === null ? '' : ` (since ${about.since})`}`,
    `Files\n-----\n${members.map(({ name, bytes, sha256 }) => `${name}: ${bytes} bytes, SHA-256 ${sha256}`).join('\n')}`,
    ...(explained === undefined ? columnsExplained(about) : [`Format\n------\n${explained}`]),
    `What people were asked\n----------------------\n${versions.map(askedText).join('\n') || 'No presenter is stored.'}`,
    `Rules and their changes\n-----------------------\n${
      ruleChanges
        .map(({ created, attribute, after }) => `${created} ${attribute}: ${JSON.stringify(after)}`)
        .join('\n') || 'The rules were never changed.'
    }`,
  ]
  return `${parts.join('\n\n')}\n`
}

function columnsExplained({ columns }: ExportDescription): string[] {
  return [
    `Columns\n-------\n${columns.map(({ name, meaning }) => `${name}: ${meaning}.`).join('\n')}`,
    'In tables, what is nested becomes columns: info_a_b holds b in a, info_list_0 the first of a list. Times are UTC. Texts that\na spreadsheet would run as a formula have an apostrophe in front.',
  ]
}

/** Table Schema's types of ours. */
const TYPES: Record<ExportColumn['kind'], string> = {
  number: 'number',
  text: 'string',
  time: 'datetime',
  boolean: 'boolean',
  ids: 'string',
  json: 'any',
}

function dataPackage(about: ExportDescription, members: readonly WrittenMember[]) {
  const { project, columns } = about
  return {
    profile: 'data-package',
    name: `${project.id}-${about.table.replace('_', '-')}`,
    title: project.name,
    description: project.description,
    homepage: project.url,
    ...(about.licence ? { licenses: [dataLicence(about.licence)] } : {}),
    created: about.moment,
    count: about.nRows,
    cut: about.cut,
    ...(about.since === null ? {} : { since: about.since }),
    asked: about.versions,
    ruleChanges: about.ruleChanges,
    resources: members.map(({ name, bytes, sha256, fields }) => ({
      name: name.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-'),
      path: name,
      bytes,
      hash: `sha256:${sha256}`,
      ...(fields.length === 0 ? {} : { schema: { fields: fields.map((field) => fieldOf(field, columns)) } }),
    })),
  }
}

function dataLicence({ id, title, url }: Licence) {
  return { name: id, title, path: url }
}

function fieldOf(field: string, columns: readonly ExportColumn[]) {
  const plain = columns.find(({ name }) => name === field)
  if (plain && plain.kind !== 'json')
    return { name: field, type: TYPES[plain.kind], description: plain.meaning }
  const nested = columns.find(({ name, kind }) => kind === 'json' && `${field}_`.startsWith(`${name}_`))
  return {
    name: field,
    type: 'any',
    ...(nested ? { description: `In ${nested.name}: ${nested.meaning}` } : {}),
  }
}
