import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proposedShortName } from '../../src/lib/short-name.ts'

test('a short name is proposed from any name that has letters or digits', () => {
  const proposals: [string, string][] = [
    ['Birds of the river', 'birds-of-the-river'],
    ['  Zoë’s “Größe” & 50 % more! ', 'zoes-große-50-more'],
    ['Птицы реки', 'птицы-реки'],
    ['ﬁsh / plants', 'fish-plants'],
    ['!?', ''],
    ['long '.repeat(20), `${'long-'.repeat(11)}long`],
  ]
  for (const [name, proposal] of proposals) assert.equal(proposedShortName(name), proposal)
})
