import assert from 'node:assert/strict'
import { test } from 'node:test'
import { map } from '../../../src/lib/templates/map.ts'

test('the address of tiles has all three of its parts and is one that a browser can load', () => {
  const problem = (tileUrl: string) => map.check?.({ tileUrl })['tileUrl']
  assert.equal(problem('https://tiles.example.org/{z}/{x}/{y}.png'), undefined)
  assert.equal(problem('/media/samples/map/tile-{z}-{x}-{y}.webp'), undefined)
  assert.equal(problem('https://tiles.example.org/{z}/1.png'), 'The address lacks {x} and {y}.')
  assert.equal(problem('tiles.example.org/{z}/{x}/{y}.png'), 'The address begins with https://.')
})
