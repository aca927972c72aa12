import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { columnChart } from '../../src/lib/column-chart.ts'

test('columns stand on the floor, on top of each other, below a round number', () => {
  const { columns, lines, floor } = columnChart([
    { label: 'a', values: [30, 10] },
    { label: 'b', values: [0, 0] },
  ])
  assert.deepEqual(
    lines.map(({ value }) => value),
    [0, 10, 20, 30, 40],
  )
  const [a, b] = columns
  assert.equal((a?.parts[0]?.y ?? 0) + (a?.parts[0]?.height ?? 0), floor)
  assert.equal(a?.parts[1]?.y, lines.at(-1)?.y)
  assert.deepEqual(b?.parts, [
    { y: floor, height: 0 },
    { y: floor, height: 0 },
  ])
})

test('any numbers fit', () => {
  const row = fc.record({ label: fc.string(), values: fc.array(fc.nat(1e9), { maxLength: 2 }) })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      const { columns, lines, width, floor } = columnChart(rows)
      assert.ok(lines.length >= 2 && lines.length <= 7)
      assert.ok(columns.filter(({ isNamed }) => isNamed).length <= 7)
      for (const { x, width: wide, parts } of columns) {
        assert.ok(x + wide <= width)
        for (const { y, height } of parts) assert.ok(y >= 0 && y + height <= floor + 0.1)
      }
    }),
  )
})
