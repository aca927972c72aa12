import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeText, TextDecodingError } from '../../src/lib/text-decoding.ts'

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) {
    yield await Promise.resolve(bytes.subarray(from, from + size))
  }
}

async function piecesOf(bytes: Uint8Array, size: number): Promise<string[]> {
  const pieces: string[] = []
  for await (const piece of decodeText(inChunks(bytes, size))) pieces.push(piece)
  return pieces
}

async function decode(bytes: Uint8Array, size = 3): Promise<string> {
  return (await piecesOf(bytes, size)).join('')
}

function bigEndian(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

const TEXT = 'Mönch, 大阪\r\n🌳 "Ā"\n'

test('UTF-8 and UTF-16 give the same text, in chunks of any size, with or without a byte-order mark', async () => {
  const long = TEXT.repeat(80)
  const ascii = 'bird,question\n'.repeat(80)
  for (const size of [1, 2, 3, 1000, 100_000]) {
    assert.equal(await decode(Buffer.from(long), size), long)
    assert.equal(await decode(Buffer.from(`\ufeff${long}`), size), long)
    assert.equal(await decode(Buffer.from(`\ufeff${long}`, 'utf16le'), size), long)
    assert.equal(await decode(bigEndian(`\ufeff${long}`), size), long)
    assert.equal(await decode(Buffer.from(ascii, 'utf16le'), size), ascii)
    assert.equal(await decode(bigEndian(ascii), size), ascii)
  }
})

test('any text comes back as it was encoded', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !/^\ufeff|\0/.test(value))
  const property = fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (value, size) => {
    assert.equal(await decode(Buffer.from(`\ufeff${value}`), size), value)
    assert.equal(await decode(Buffer.from(`\ufeff${value}`, 'utf16le'), size), value)
    assert.equal(await decode(bigEndian(`\ufeff${value}`), size), value)
  })
  await fc.assert(property, { numRuns: 50 })
})

test('nothing at all is an empty text', async () => {
  assert.equal(await decode(Buffer.alloc(0)), '')
  assert.equal(await decode(Buffer.from([0xef, 0xbb, 0xbf])), '')
})

test('a large chunk is decoded in pieces', async () => {
  const pieces = await piecesOf(Buffer.from('x'.repeat(300_000)), 300_000)
  assert.ok(pieces.every((piece) => piece.length <= 65_536))
  assert.equal(pieces.join('').length, 300_000)
})

async function faultIn(bytes: Uint8Array, size = 3): Promise<{ before: string; error: TextDecodingError }> {
  let before = ''
  try {
    for await (const text of decodeText(inChunks(bytes, size))) before += text
  } catch (error) {
    assert.ok(error instanceof TextDecodingError)
    assert.equal(error.kind, 'invalid')
    return { before, error }
  }
  return assert.fail('was decoded')
}

test('bytes that are not UTF-8 are refused at their place, after what stands before them', async () => {
  const faults: [string, Uint8Array][] = [
    ['Latin-1', Buffer.from('\xf6n', 'latin1')],
    ['a lone continuation byte', Buffer.from([0x80])],
    ['an overlong slash', Buffer.from([0xc0, 0xaf])],
    ['an encoded surrogate', Buffer.from([0xed, 0xa0, 0x80])],
    ['a byte no character begins with', Buffer.from([0xff])],
    ['a character beyond Unicode', Buffer.from([0xf4, 0x90, 0x80, 0x80])],
  ]
  for (const [name, fault] of faults) {
    const start = Buffer.from('a\r\nb\rc\nMö')
    for (const size of [1, 2, 3, 100]) {
      const { before, error } = await faultIn(Buffer.concat([start, fault, Buffer.from('nch\n')]), size)
      assert.equal(before, 'a\r\nb\rc\nMö', name)
      assert.deepEqual(error.place, { byteOffset: start.length, line: 4, character: 3 }, name)
      assert.equal(error.message, 'Line 4, character 3 (byte 10): this is not valid UTF-8 text.')
      assert.match(error.advice, /Save the file as UTF-8/)
    }
  }
})

test('a text that ends within a character is refused there', async () => {
  const utf8 = await faultIn(Buffer.from('abö').subarray(0, 3))
  assert.deepEqual([utf8.before, utf8.error.place.byteOffset], ['ab', 2])
  const utf16 = await faultIn(Buffer.from('\ufeffab', 'utf16le').subarray(0, 5))
  assert.deepEqual([utf16.before, utf16.error.place.byteOffset], ['a', 4])
})

test('half of a surrogate pair is refused', async () => {
  for (const lone of ['\ud800', '\udc00']) {
    for (const size of [1, 2, 100]) {
      const { before, error } = await faultIn(Buffer.from(`\ufeffa\n🌳${lone}b`, 'utf16le'), size)
      assert.equal(before, 'a\n🌳')
      assert.deepEqual(error.place, { byteOffset: 10, line: 2, character: 3 })
    }
  }
  const { error } = await faultIn(Buffer.from('\ufeffa\ud83c', 'utf16le'))
  assert.deepEqual(error.place, { byteOffset: 4, line: 1, character: 2 })
})

test('a NUL is refused, and bytes counted as the encoding has them', async () => {
  const utf8 = await faultIn(Buffer.from('ö,b\nx\0y,2\n'))
  assert.deepEqual(utf8.error.place, { byteOffset: 6, line: 2, character: 2 })
  assert.equal(utf8.before, 'ö,b\nx')
  assert.match(utf8.error.message, /NUL/)
  const utf16 = await faultIn(bigEndian('\ufeffa\0'))
  assert.deepEqual(utf16.error.place, { byteOffset: 4, line: 1, character: 2 })
})

test('a NUL among ordinary text is not taken for UTF-16', async () => {
  const { error } = await faultIn(Buffer.from('bird,question\nRobin,a\0\n'))
  assert.equal(error.place.byteOffset, 21)
})

test('workbooks and archives are named as what they are', async () => {
  for (const magic of ['PK\x03\x04', '\xd0\xcf\x11\xe0']) {
    const { before, error } = await faultIn(Buffer.from(`${magic}rest`, 'latin1'))
    assert.equal(before, '')
    assert.match(error.message, /not a text file/)
  }
})
