/** Joins many small texts into few large ones: a stream costs by the chunk. */
const BATCH_LENGTH = 64 * 1_024

/** The texts of all parts in pieces of some 64 kB, cut only between parts. */
export async function* textBatches<Part>(
  parts: AsyncIterable<Part>,
  textOf: (part: Part) => string,
): AsyncGenerator<string> {
  let batch = ''
  for await (const part of parts) {
    batch += textOf(part)
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  if (batch !== '') yield batch
}

/** The same parts in slices of so many. Whoever takes a slice reads all of it before taking the next. */
export async function* slicesOf<Part>(
  parts: AsyncIterable<Part>,
  length: number,
): AsyncGenerator<AsyncGenerator<Part>> {
  const iterator = parts[Symbol.asyncIterator]()
  let next = await iterator.next()
  async function* slice(): AsyncGenerator<Part> {
    for (let left = length; left > 0 && next.done !== true; left -= 1) {
      yield next.value
      next = await iterator.next()
    }
  }
  try {
    while (next.done !== true) yield slice()
  } finally {
    await iterator.return?.()
  }
}
