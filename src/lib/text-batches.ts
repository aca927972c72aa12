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

/**
 * The same parts in slices. Whoever takes a slice reads all of it before taking the next.
 *
 * @param length asked for the parts of each slice when it begins.
 */
export async function* slicesOf<Part>(
  parts: AsyncIterable<Part>,
  length: () => number,
): AsyncGenerator<AsyncGenerator<Part>> {
  const iterator = parts[Symbol.asyncIterator]()
  let next = await iterator.next()
  async function* slice(): AsyncGenerator<Part> {
    for (let left = length(); left > 0 && next.done !== true; left -= 1) {
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

/** Bounds of a pace: the length of slices in parts, and the time that one should take. */
export interface PaceLimits {
  readonly first: number
  readonly max: number
  readonly milliseconds: number
}

/** How long slices may be so that each takes about the same time, however busy the machine is. */
export interface Pace {
  readonly length: () => number
  /** Tells how long a slice took. */
  took(milliseconds: number): void
}

/** Slices grow by half at most, and shrink at once: the next one may find the machine even busier. */
const GROWTH = 1.5

export function createPace({ first, max, milliseconds }: PaceLimits): Pace {
  let length = first
  return {
    length: () => length,
    took(taken) {
      const fitting = (length * milliseconds) / Math.max(taken, 1)
      length = Math.max(1, Math.min(max, Math.floor(fitting), Math.ceil(length * GROWTH)))
    },
  }
}
