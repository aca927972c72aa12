import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'

interface Play {
  name: string
}

/** Whether a play lets a host run another release. */
const switches = (play: Play) => /"(?:tasks_from":")?switch"/.test(JSON.stringify(play))

test('the deploy server takes nothing back as long as the plays are called preparing, and only then', () => {
  for (const file of ['deploy.yml', 'rollback.yml']) {
    const plays = parse(readFileSync(`ansible/${file}`, 'utf8')) as Play[]
    const first = plays.findIndex(switches)
    assert.ok(first > 0, file)
    assert.deepEqual(
      plays.map(({ name }) => name.startsWith('Prepare: ')),
      plays.map((_, index) => index < first),
      file,
    )
  }
})
