import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../src/platform/schema.ts'
import { taskRows } from '../../src/exporters/task-rows.ts'

type WriteJson = Parameters<typeof taskRows>[0]['writeJson']

const row = (id: number) => Buffer.from(`${JSON.stringify({ id, info: 'ä\u2028', task_run: [] })}\n`)

async function idsOf(writeJson: WriteJson, most = Infinity): Promise<number[]> {
  const ids: number[] = []
  for await (const { id } of taskRows({ writeJson })) {
    ids.push(id)
    if (ids.length === most) break
  }
  return ids
}

test('rows come one by one, wherever the parts they arrive in end', async () => {
  const bytes = Buffer.concat([row(1), row(2), row(3)])
  const ids = await idsOf(async (take) => {
    for (let at = 0; at < bytes.length; at += 7) await take(bytes.subarray(at, at + 7))
    return undefined
  })
  assert.deepEqual(ids, [1, 2, 3])
})

test('a row that is longer than what waits at once comes whole', async () => {
  const info = 'ä'.repeat(1 << 20)
  const line = Buffer.from(`${JSON.stringify({ id: 1, info, task_run: [] })}\n`)
  const writeJson: WriteJson = async (take) => {
    for (let at = 0; at < line.length; at += 65_537) await take(line.subarray(at, at + 65_537))
    return undefined
  }
  const infos: Json[] = []
  for await (const row of taskRows({ writeJson })) infos.push(row.info)
  assert.deepEqual(infos, [info])
})

test('what breaks the reading off is thrown to whoever asks for rows', async () => {
  const broken = new Error('The replica went away')
  await assert.rejects(
    idsOf(async (take) => {
      await take(row(1))
      throw broken
    }),
    broken,
  )
  await assert.rejects(
    idsOf(() => Promise.reject(broken)),
    broken,
  )
})

test('whoever stops early ends the reading, however much waits', async () => {
  let ended: unknown
  const ids = await idsOf(async (take) => {
    try {
      for (let id = 1; ; id += 1) await take(row(id))
    } catch (error) {
      ended = error
      throw error
    }
  }, 2)
  assert.deepEqual(ids, [1, 2])
  assert.equal((ended as Error).name, 'AbortError')
})
