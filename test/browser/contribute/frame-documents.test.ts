import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { followDocuments } from '../../../src/browser/contribute/frame-documents.ts'
import type { FrameDocuments, FrameStep } from '../../../src/browser/contribute/frame-documents.ts'

type Event = 'leaving' | 'hello' | 'load'

const ORDERS: readonly (readonly Event[])[] = [
  ['leaving', 'hello', 'load'],
  ['leaving', 'load', 'hello'],
  ['hello', 'leaving', 'load'],
  ['hello', 'load', 'leaving'],
  ['load', 'leaving', 'hello'],
  ['load', 'hello', 'leaving'],
]

/** What is to be done about these; who is greeted makes the page deaf to the one before. */
function stepsOf(documents: FrameDocuments, events: readonly Event[], hadLoaded: boolean): FrameStep[] {
  const steps: FrameStep[] = []
  for (const event of events) {
    if (event === 'leaving' && steps.includes('welcome')) continue
    const step = event === 'leaving' ? documents.leaving(hadLoaded) : documents[event]()
    if (step !== undefined) steps.push(step)
  }
  return steps
}

/** A frame whose first document was greeted, and had loaded or not. */
function greeted(mayGreetNext: boolean, hadLoaded: boolean): FrameDocuments {
  const documents = followDocuments(mayGreetNext)
  assert.deepEqual(stepsOf(documents, hadLoaded ? ['hello', 'load'] : ['hello'], true), ['welcome'])
  return documents
}

for (const hadLoaded of [true, false]) {
  describe(`after a document that went ${hadLoaded ? 'when' : 'before'} it had loaded`, () => {
    for (const order of ORDERS) {
      test(`the next one is greeted once: ${order.join(', ')}`, () => {
        const documents = greeted(true, hadLoaded)
        for (const isLoaded of [hadLoaded, true]) {
          const steps = stepsOf(documents, order, isLoaded)
          assert.deepEqual(
            steps.filter((step) => step !== 'expect next'),
            ['welcome'],
          )
        }
      })
    }

    for (const order of ORDERS) {
      test(`none is greeted where the frame has one address: ${order.join(', ')}`, () => {
        const steps = stepsOf(greeted(false, hadLoaded), order, hadLoaded)
        assert.deepEqual(steps, ['left'])
      })
    }

    test('one that does not speak is waited for', () => {
      for (const order of [['leaving', 'load'] as const, ['load', 'leaving'] as const]) {
        assert.deepEqual(stepsOf(greeted(true, hadLoaded), order, hadLoaded), ['expect next'])
      }
    })
  })
}

/** Both have loaded, and of the first one that is heard late. */
const LATE: readonly (readonly Event[])[] = [
  ['leaving', 'load', 'hello', 'load'],
  ['leaving', 'load', 'load', 'hello'],
  ['leaving', 'hello', 'load', 'load'],
  ['hello', 'leaving', 'load', 'load'],
  ['hello', 'load', 'leaving', 'load'],
  ['hello', 'load', 'load'],
]

for (const order of LATE)
  test(`a load that is heard late is not that of the next one: ${order.join(', ')}`, () => {
    const documents = greeted(true, false)
    const isLoadLast = order.join().endsWith('load,load')
    assert.deepEqual(
      stepsOf(documents, order, true).filter((step) => isLoadLast || step !== 'expect next'),
      ['welcome'],
    )
    for (const after of ORDERS) {
      const steps = stepsOf(documents, after, true)
      assert.deepEqual(
        steps.filter((step) => step !== 'expect next'),
        ['welcome'],
      )
    }
  })

test('where the frame has one address a load that is heard late is none of the next', () => {
  const documents = greeted(false, false)
  assert.deepEqual(stepsOf(documents, ['leaving', 'load'], true), [])
  assert.deepEqual(stepsOf(documents, ['load'], true), ['left'])
})

test('a second hello of the same document changes nothing', () => {
  const documents = greeted(true, true)
  assert.equal(documents.hello(), undefined)
})

test('a first document that loads in silence is waited for, and greeted when it speaks', () => {
  assert.deepEqual(stepsOf(followDocuments(false), ['load', 'hello'], true), ['expect', 'welcome'])
})
