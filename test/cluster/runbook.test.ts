import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandsOf } from './runbook.ts'

test('what a page of operations tells to type is found behind its words, or it is said that it is not', () => {
  const words = 'To a chosen second, on the same host.'
  const moment = '2026-11-21 12:00:00+00'
  const commands = commandsOf('restore.md', words, { [moment]: 'now' })
  assert.equal(commands[0], "systemctl stop 'manyhands-*'")
  assert.ok(commands.some((command) => command.includes("--target='now'")))
  assert.throws(() => commandsOf('restore.md', 'Nobody says this'), /does not say/)
  assert.throws(() => commandsOf('restore.md', words, { never: 'now' }), /is not behind/)
})
