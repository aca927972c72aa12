import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../support/talking-process.ts', import.meta.url))
const LINES = 3_000
const BUFFER = 65_536

function startTalker(t: TestContext, target: number | 'pipe', bufferBytes: number): ChildProcess {
  const child = spawn(process.execPath, [program, String(LINES), String(bufferBytes)], {
    stdio: ['pipe', target, 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function isThrough({ stderr }: ChildProcess): Promise<void> {
  assert.ok(stderr)
  const [said] = (await once(stderr, 'data')) as [Buffer]
  assert.equal(String(said), 'through')
}

test('a process whose lines nobody takes goes on, and says how many were dropped once they are taken', async (t) => {
  const child = startTalker(t, 'pipe', BUFFER)
  await isThrough(child)
  const { stdout, stdin } = child
  assert.ok(stdout && stdin)
  stdin.write('go on\n')
  let text = ''
  for await (const chunk of stdout.setEncoding('utf8')) {
    text += String(chunk)
    if (text.includes('log lines dropped') && text.includes('"last"')) break
  }
  const [, dropped] = /"dropped":(\d+)/.exec(text) ?? []
  assert.ok(Number(dropped) > 1_000, `${dropped} dropped`)
})

for (const bufferBytes of [0, BUFFER])
  test(`a disk that is full ends no process and keeps none from ending, with a buffer of ${bufferBytes} bytes`, async (t) => {
    const full = openSync('/dev/full', 'w')
    t.after(() => {
      closeSync(full)
    })
    const child = startTalker(t, full, bufferBytes)
    await isThrough(child)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })
