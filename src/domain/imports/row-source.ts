import { z } from 'zod'

/** An address on the web, as people paste it. */
const Address = z
  .string()
  .trim()
  .max(2_000, 'This address is too long.')
  .refine((text) => /^https?:\/\/[^/\s]+/i.test(text) && URL.canParse(text), {
    error: 'Give a whole address, such as https://example.org/tasks.csv.',
  })

/** Where an import's rows come from: sent as a file, or fetched. */
export const RowSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file') }),
  /** A CSV, JSON or XLSX file. */
  z.strictObject({ kind: z.literal('url'), url: Address }),
  z.strictObject({ kind: z.literal('google-sheet'), url: Address }),
  z.strictObject({ kind: z.literal('iiif'), url: Address }),
  z.strictObject({ kind: z.literal('s3'), url: Address }),
])
export type RowSource = z.infer<typeof RowSource>

/** The kinds that are fetched from elsewhere, by an address. */
export type RemoteSource = Extract<RowSource, { url: string }>

export function isRemote(source: RowSource): source is RemoteSource {
  return 'url' in source
}
