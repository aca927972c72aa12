/** Lends the same parts once the first is read. What they hold is let go afterwards, also when nobody read on. */
export async function withFirst<Part, T>(
  parts: AsyncIterable<Part>,
  work: (parts: AsyncIterable<Part>) => Promise<T>,
): Promise<T> {
  const iterator = parts[Symbol.asyncIterator]()
  async function* from(first: IteratorResult<Part>): AsyncGenerator<Part> {
    for (let next = first; next.done !== true; next = await iterator.next()) yield next.value
  }
  try {
    return await work(from(await iterator.next()))
  } finally {
    await iterator.return?.()
  }
}
