/** Joins many small texts into few large ones: a stream costs by the chunk. */
const BATCH_LENGTH = 64 * 1_024

/** The same text in pieces of some 64 kB. */
export async function* textBatches(parts: AsyncIterable<string>): AsyncGenerator<string> {
  let batch = ''
  for await (const part of parts) {
    batch += part
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  if (batch !== '') yield batch
}
