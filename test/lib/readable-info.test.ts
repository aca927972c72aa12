import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readableInfo } from '../../src/lib/readable-info.ts'

test('a lone text reads as it is, other documents as names and values', () => {
  const shown = (info: unknown) => {
    const readable = readableInfo(info)
    return 'pairs' in readable ? readable.pairs.map(({ name, text }) => `${name}=${text}`) : readable.text
  }
  assert.equal(shown({ answer: 'Not a galaxy' }), 'Not a galaxy')
  assert.equal(shown('plain words'), 'plain words')
  assert.equal(shown(5), '5')
  assert.equal(shown(null), 'null')
  assert.equal(shown([1, 'a']), '[1,"a"]')
  assert.equal(shown({}), '{}')
  assert.deepEqual(shown({ answer: { x: 1 } }), ['answer={"x":1}'])
  assert.deepEqual(shown({ answer: 'Yes', sure: true, note: null }), ['answer=Yes', 'sure=true', 'note=null'])
})

test('addresses of the web and of the site’s pictures can be opened, and nothing else', () => {
  const urls = (...texts: string[]) =>
    texts.filter((text) => {
      const readable = readableInfo(text)
      return !('pairs' in readable) && readable.url === text
    })
  const addresses = ['https://x.example/a?b=c', 'HTTP://x.example', '/media/demo/1.jpg', '/1.PNG?w=2']
  assert.deepEqual(urls(...addresses), addresses)
  const others = [
    'javascript:alert(1)',
    '//evil.example/1.jpg',
    '/\\evil.example/1.jpg',
    '/about',
    'https://',
    '1.jpg',
  ]
  assert.deepEqual(urls(...others, 'https://x.example and more', ' https://x.example'), [])
})
