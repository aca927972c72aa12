import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HOLD_FRESH_MS, createHold } from '../../src/platform/hold.ts'

test('a process is held back by a fresh file that was there when it began, and never again', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-hold-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  const file = join(folder, 'HOLD')
  const touched = (msAgo: number) => {
    writeFileSync(file, '')
    const at = new Date(Date.now() - msAgo)
    utimesSync(file, at, at)
  }
  const free = createHold(file)
  touched(0)
  assert.equal(free.isOn, false)
  const held = createHold(file)
  assert.equal(held.isOn, true)
  rmSync(file)
  assert.equal(held.isOn, false)
  touched(0)
  assert.equal(held.isOn, false, 'it is another process’s')

  // Whoever was to release it is gone, or the host was started again meanwhile.
  const left = createHold(file)
  assert.equal(left.isOn, true)
  touched(HOLD_FRESH_MS)
  assert.equal(left.isOn, false)
  assert.equal(createHold(file).isOn, false)
})
