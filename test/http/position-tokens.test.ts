import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { untilFileEnds } from '../support/file-ending.ts'

const site = await startTestApp(untilFileEnds())
const { database, sealer } = site.app

/** No replica has come so far: who brings it reads from the primary. */
const AHEAD = 'FFFFFFFF/0'

function token({ purpose = 'position', ageSeconds = 0 } = {}): string {
  return sealer.sign(purpose, `${AHEAD}@${Math.floor(Date.now() / 1000) - ageSeconds}`)
}

/** Whether a list is read from the primary for who brings these headers. */
async function isWaitedFor(headers: Record<string, string>): Promise<boolean> {
  const behind = () => database.health.reads.get('primary: replica behind') ?? 0
  const before = behind()
  await site.http.get('/api/category').set(headers).expect(200)
  return behind() > before
}

const brought = (value: string) => [{ 'X-Consistency-Token': value }, { Cookie: `position=${value}` }]

test('a position that we gave a moment ago is waited for, by header and by cookie', async () => {
  for (const headers of [...brought(token()), ...brought(token({ ageSeconds: 10 }))])
    assert.equal(await isWaitedFor(headers), true)
})

test('one that is old, forged or signed for something else costs the primary nothing', async () => {
  const good = token()
  const forged = [
    `${AHEAD}@${Math.floor(Date.now() / 1000)}`,
    good.slice(0, -4),
    good.replace(/^.{4}/, 'AAAA'),
  ]
  for (const value of [token({ ageSeconds: 40 }), token({ purpose: 'device' }), ...forged, 'x'])
    for (const headers of brought(value)) assert.equal(await isWaitedFor(headers), false, value)
})
