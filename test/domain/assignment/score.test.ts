import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestApp } from '../../support/app.ts'
import { rowsOf } from '../../support/builders.ts'

test('a known answer fits one that is written like it, at any depth', async (t) => {
  const site = await startTestApp(t)
  const cases: [known: unknown, info: unknown, score: number][] = [
    [5, 5, 1],
    [5, '5', 1],
    [5, ' 5.0 ', 1],
    [5, '05', 1],
    [5, '6', 0],
    [5, 'five', 0],
    [5, '', 0],
    [5, null, 0],
    [0.5, '0.50', 1],
    [true, 'True', 1],
    [true, '1', 0],
    ['5', 5, 1],
    ['05', '5', 0],
    ['Yes', 'yes', 0],
    [[5, 'a'], ['5', 'a'], 1],
    [[5, 'a'], ['a', '5'], 0],
    [[5], ['5', '5'], 0],
    [{ n: 5, kind: 'bird' }, { n: '5', kind: 'bird', time: 3 }, 1],
    [{ n: 5, kind: 'bird' }, { n: '6', kind: 'bird' }, 0.5],
    [{ n: 5 }, { kind: 'bird' }, 0],
    [{ n: { of: [1, 2] } }, { n: { of: ['1', '2'] } }, 1],
    [{ n: { of: 1 } }, { n: { of: '1', more: 1 } }, 0],
    [{ n: 5 }, '5', 0],
    [{}, {}, 1],
  ]
  const rows = await rowsOf<{ score: number }>(
    site,
    `select score_v1(c -> 0, c -> 1) as score from jsonb_array_elements($1::jsonb) with ordinality as x (c, n) order by n`,
    [JSON.stringify(cases)],
  )
  assert.deepEqual(
    rows.map(({ score }, n) => [...(cases[n] ?? []).slice(0, 2), score]),
    cases,
  )
})
