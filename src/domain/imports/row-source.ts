import { z } from 'zod'

/** An address on the web, as people paste it. */
const Address = z
  .string()
  .trim()
  .max(2_000, 'This address is too long.')
  .refine((text) => /^https?:\/\/[^/\s]+/i.test(text) && URL.canParse(text), {
    error: 'Give a whole address, such as https://example.org/tasks.csv.',
  })

/** Who lists a bucket, without what proves it. */
const BucketKeys = z.strictObject({
  key: z.string().trim().min(1).max(200, 'An access key has at most 200 characters.'),
  region: z
    .string()
    .trim()
    .regex(/^[a-z0-9-]{1,40}$/i, 'Give the name of a region, such as eu-central-1.'),
})

/** Where an import's rows come from: sent as a file, or fetched. */
export const RowSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file') }),
  /** A CSV, JSON or XLSX file. */
  z.strictObject({ kind: z.literal('url'), url: Address }),
  z.strictObject({ kind: z.literal('google-sheet'), url: Address }),
  z.strictObject({ kind: z.literal('iiif'), url: Address }),
  /** A bucket that everybody may list, or that is listed with keys: their secret is kept apart, and sealed. */
  z.strictObject({ kind: z.literal('s3'), url: Address, keys: BucketKeys.optional() }),
])
export type RowSource = z.infer<typeof RowSource>

/** The kinds that are fetched from elsewhere, by an address. */
export type RemoteSource = Extract<RowSource, { url: string }>

export function isRemote(source: RowSource): source is RemoteSource {
  return 'url' in source
}
