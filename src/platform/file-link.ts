import { z } from 'zod'
import type { App } from './app.ts'

/** A file of the store, and what it is to be called where it is saved. */
export interface LinkedFile {
  readonly key: string
  readonly name: string
}

const Sealed = z.object({ key: z.string(), name: z.string() })
const PURPOSE = 'file'

/** An address under which whoever has it may download a private file, until it runs out. */
export async function fileLink(
  app: Pick<App, 'config' | 'sealer'>,
  { key, name }: LinkedFile,
  seconds: number,
): Promise<string> {
  return `${app.config.site.url}/files/${await app.sealer.seal(PURPOSE, { key, name }, seconds)}`
}

/** What such an address leads to; undefined when it has run out or was not made by this site. */
export async function openFileLink(app: Pick<App, 'sealer'>, token: string): Promise<LinkedFile | undefined> {
  return Sealed.safeParse(await app.sealer.open(PURPOSE, token)).data
}
