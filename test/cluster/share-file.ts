import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { openProject } from './owner.ts'
import { Visitor } from './visit.ts'

/**
 * Uploads files through one host and reads each at once through the other, byte for byte.
 *
 *   node test/cluster/share-file.ts ADDRESS OTHER-ADDRESS DOMAIN AUTHORITY-FILE
 */
const [address = '', other = '', domain = '', authorityFile = ''] = process.argv.slice(2)
const authority = readFileSync(authorityFile, 'utf8')
const here = new Visitor({ address, domain, authority })
const there = new Visitor({ address: other, domain, authority })
const FILES = 10

const { key, projectId } = await openProject(here, randomUUID().slice(0, 8))
for (let n = 0; n < FILES; n += 1) {
  const content = randomBytes(100_000 * (n + 1)).toString('base64')
  const path = `/api/helpingmaterial?api_key=${key}`
  const made = await here.postFile(path, { project_id: String(projectId) }, Buffer.from(content))
  const { media_url: url } = JSON.parse(made.body) as { media_url: string }
  const read = await there.get(new URL(url, `https://${domain}`).pathname)
  assert.ok(read.body === content, `file ${n} is the same through the other host`)
}
console.log(`${FILES} files, uploaded through ${address}, were read byte for byte through ${other}.`)
