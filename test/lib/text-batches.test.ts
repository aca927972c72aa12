import assert from 'node:assert/strict'
import test from 'node:test'
import { createPace, slicesOf } from '../../src/lib/text-batches.ts'

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 1; n <= count; n += 1) yield await Promise.resolve(n)
}

test('slices hold all parts in their order, each as long as is wanted when it begins', async () => {
  const lengths = [3, 1, 5]
  const taken: number[][] = []
  for await (const slice of slicesOf(numbers(8), () => lengths[taken.length] ?? 1)) {
    const parts: number[] = []
    for await (const part of slice) parts.push(part)
    taken.push(parts)
  }
  assert.deepEqual(taken, [[1, 2, 3], [4], [5, 6, 7, 8]])
})

test('slices become shorter at once where they take long, and longer little by little', () => {
  const pace = createPace({ first: 8, max: 16, milliseconds: 4_000 })
  const after = (milliseconds: number) => {
    pace.took(milliseconds)
    return pace.length()
  }
  assert.equal(pace.length(), 8)
  assert.deepEqual([after(4_000), after(1_000), after(0), after(0)], [8, 12, 16, 16])
  assert.deepEqual([after(40_000), after(40_000), after(400_000)], [1, 1, 1])
  assert.deepEqual([after(100), after(100), after(100)], [2, 3, 5])
})
