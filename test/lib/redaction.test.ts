import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRedaction } from '../../src/lib/redaction.ts'

const redact = createRedaction(['correct "horse" battery', 'short', ' staple \n', 'zwölf+zeichen/'])

test('a secret is hidden in every form in which a program shows it', () => {
  for (const form of [
    'correct "horse" battery',
    String.raw`correct \"horse\" battery`,
    'correct%20%22horse%22%20battery',
    Buffer.from('correct "horse" battery').toString('base64'),
  ])
    assert.equal(redact(`a ${form} b`), 'a [secret] b')
  assert.equal(redact('zwölf+zeichen/'), '[secret]')
  assert.equal(redact('short staple'), 'short staple', 'what is short is no secret')
})

test('what an address or a request gives away is hidden, whoever it belongs to', () => {
  for (const [said, safe] of [
    [
      'postgresql://app_rw:s3same@127.0.0.1:5000/manyhands',
      'postgresql://app_rw:[secret]@127.0.0.1:5000/manyhands',
    ],
    ['"redis://:p%40ss@10.0.0.1:6379"', '"redis://:[secret]@10.0.0.1:6379"'],
    ['https://x-access-token:abc@github.com/a/b.git', 'https://x-access-token:[secret]@github.com/a/b.git'],
    ['GET /a?page=2&access_token=abc&b=1', 'GET /a?page=2&access_token=[secret]&b=1'],
    ['https://s3/x?X-Amz-Signature=0f0f#end', 'https://s3/x?X-Amz-Signature=[secret]#end'],
    ['"Authorization": "Bearer abc.def"', '"Authorization": "Bearer [secret]"'],
    ['authorization: basic YTpi', 'authorization: basic [secret]'],
    ['xoxb-1234567890-abc and ghp_0123456789abcdefghij', '[secret] and [secret]'],
  ] as const)
    assert.equal(redact(said), safe)
})

test('what gives nothing away stays, and a line made to keep us busy does not', () => {
  for (const plain of [
    'http://10.0.0.1:3001/healthz',
    'mail to a@example.org: done',
    'page=2?b=1 tokens left: 3',
  ])
    assert.equal(redact(plain), plain)
  const began = performance.now()
  for (const part of ['a.', '?token', '://', 'authorization '])
    assert.equal(redact(part.repeat(50_000)).length, part.length * 50_000)
  assert.ok(performance.now() - began < 10_000)
})
