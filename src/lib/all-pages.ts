/** As many as GitHub, and others, put on one page at most. */
export const PER_PAGE = 100

/**
 * Reads a list that comes in pages to its end.
 *
 * @param get gives one page of `PER_PAGE`, counted from 1.
 */
export async function allPages<T>(get: (page: number) => Promise<T[]>): Promise<T[]> {
  const all: T[] = []
  for (let page = 1; ; page += 1) {
    const some = await get(page)
    all.push(...some)
    if (some.length < PER_PAGE) return all
  }
}
