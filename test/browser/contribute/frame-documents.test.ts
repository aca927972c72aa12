import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { followDocuments } from '../../../src/browser/contribute/frame-documents.ts'
import type { FrameDocuments, FrameStep } from '../../../src/browser/contribute/frame-documents.ts'

type Event = 'leaving' | 'hello' | 'load of the first' | 'load of the next'

/** Every order in which the page may hear of it that a document takes the place of the one that was welcomed. */
function ordersOf(events: readonly Event[]): Event[][] {
  if (events.length === 0) return [[]]
  return events.flatMap((first) =>
    ordersOf(events.filter((event) => event !== first)).map((rest) => [first, ...rest]),
  )
}

/** A frame whose first document was welcomed. */
function afterFirst(mayWelcomeNext: boolean): FrameDocuments {
  const documents = followDocuments(mayWelcomeNext)
  assert.deepEqual(documents.hello('first'), { welcome: 'first' })
  return documents
}

/** The last step that is to be taken. Who is welcomed makes the page deaf to the going of the one before. */
function lastStep(documents: FrameDocuments, events: readonly Event[]): FrameStep | undefined {
  let last: FrameStep | undefined
  let isNextWelcomed = false
  for (const event of events) {
    if (event === 'leaving' && isNextWelcomed) continue
    const step = stepOf(documents, event)
    isNextWelcomed ||= typeof step === 'object'
    last = step ?? last
    if (last === 'left') break
  }
  return last
}

function stepOf(documents: FrameDocuments, event: Event): FrameStep | undefined {
  if (event === 'leaving') return documents.leaving()
  return event === 'hello' ? documents.hello('next') : documents.load()
}

describe('a document that takes the place of another one', () => {
  for (const loads of [['load of the next'], ['load of the first', 'load of the next']] as const)
    for (const order of ordersOf(['leaving', 'hello', ...loads])) {
      test(`is welcomed, and there when it is asked: ${order.join(', ')}`, () => {
        const documents = afterFirst(true)
        const step = lastStep(documents, order)
        assert.ok(typeof step === 'object' || step === 'ask', JSON.stringify(step))
        assert.equal(documents.hello('next'), 'present')
      })

      test(`is not welcomed where the frame has one address: ${order.join(', ')}`, () => {
        assert.equal(lastStep(afterFirst(false), order), 'left')
      })
    }

  test('is waited for when it does not speak', () => {
    assert.equal(lastStep(afterFirst(true), ['leaving', 'load of the next']), 'expect next')
    assert.equal(lastStep(afterFirst(true), ['load of the next', 'leaving']), 'expect load')
  })

  test('is found when nobody said that the first one goes', () => {
    assert.equal(lastStep(afterFirst(true), ['load of the first', 'load of the next']), 'ask')
    assert.deepEqual(lastStep(afterFirst(true), ['load of the next', 'hello']), { welcome: 'next' })
  })
})

test('what a document said before it went does not bring it back', () => {
  const documents = afterFirst(true)
  documents.load()
  documents.leaving()
  assert.equal(documents.hello('first'), undefined)
  assert.deepEqual(documents.hello('next'), { welcome: 'next' })
})

test('a first document that loads in silence is waited for, and welcomed when it speaks', () => {
  const documents = followDocuments(false)
  assert.equal(documents.load(), 'expect first')
  assert.deepEqual(documents.hello('first'), { welcome: 'first' })
})
