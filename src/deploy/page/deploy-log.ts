import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { ACTIVE } from '../../platform/deploy-store.ts'
import type { Runs } from '../runs.ts'

const LOOK_MS = 300

export type DeployLog = ReturnType<typeof createDeployLog>

/** What the runs of a deploy have said, one after the other; secrets were hidden when it was written. */
export function createDeployLog(runs: Pick<Runs, 'folderOf'>) {
  /** The log's files, in the order in which they were written. */
  async function files(id: number): Promise<{ path: string; bytes: number }[]> {
    const found = await Promise.all(
      ACTIVE.map(async (state) => {
        const path = join(runs.folderOf({ id, state }), 'output.log')
        const info = await stat(path).catch(() => undefined)
        return info && { path, bytes: info.size }
      }),
    )
    return found.filter((file) => file !== undefined)
  }

  async function size(id: number): Promise<number> {
    return (await files(id)).reduce((sum, { bytes }) => sum + bytes, 0)
  }

  async function read(id: number, from: number): Promise<Buffer> {
    const parts: Buffer[] = []
    let start = from
    for (const { path, bytes } of await files(id)) {
      if (start < bytes) parts.push(await buffer(createReadStream(path, { start, end: bytes - 1 })))
      start = Math.max(0, start - bytes)
    }
    return Buffer.concat(parts)
  }

  /** Whole lines only: a line, and a character, is never sent in halves. */
  async function* follow(id: number, from: number, isOpen: () => boolean): AsyncGenerator<string> {
    let at = from
    for (;;) {
      const wasOpen = isOpen()
      const news = await read(id, at)
      const whole = news.subarray(0, news.lastIndexOf('\n') + 1)
      if (whole.length > 0) {
        at += whole.length
        yield `id: ${at}\ndata: ${JSON.stringify(whole.toString())}\n\n`
      } else if (wasOpen) yield ': still here\n\n'
      if (!wasOpen) break
      await sleep(LOOK_MS)
    }
    yield 'event: end\ndata: {}\n\n'
  }

  return {
    size,
    read,
    /** Server-sent events with what is written from there on, until the deploy has ended. */
    stream: (id: number, from: number, isOpen: () => boolean): Readable =>
      Readable.from(follow(id, from, isOpen)),
  }
}
