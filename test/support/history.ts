import { writeFileSync } from 'node:fs'

/** The task is the key of a list, and each answer that somebody gives appends a number of its own. */
export type MicroOperation = ['append', task: number, run: number] | ['r', task: number, number[] | null]

/** `info` is the third outcome: nobody knows whether it happened. */
type Type = 'invoke' | 'ok' | 'fail' | 'info'

interface Operation {
  index: number
  type: Type
  f: 'txn'
  process: number
  /** Nanoseconds since the history began. */
  time: number
  value: MicroOperation[]
}

/** What was asked and answered, in the form that elle-cli reads for its model list-append. */
export class History {
  readonly operations: Operation[] = []
  readonly #began = performance.now()

  add(process: number, type: Type, value: MicroOperation[]): void {
    const time = Math.round((performance.now() - this.#began) * 1e6)
    this.operations.push({ index: this.operations.length, type, f: 'txn', process, time, value })
  }

  /** One array, with an operation on each line: elle-cli reads the first JSON value of a file. */
  save(file: string): void {
    writeFileSync(file, `[${this.operations.map((one) => JSON.stringify(one)).join(',\n')}]\n`)
  }

  /**
   * What elle would find as well in lists that are appended to one at a time: a read that misses an answer given
   * before it, contains one that was refused or never given, or contradicts a later one.
   */
  problems(): string[] {
    const problems = new Set<string>()
    const facts = new Lists()
    for (const { type, process, value } of this.operations) {
      for (const micro of value) {
        if (micro[0] === 'append') facts.append(type, micro[1], micro[2])
        else
          facts.read(type, process, micro[1], micro[2], (problem) => problems.add(`${micro[1]}: ${problem}`))
      }
    }
    facts.failed((task, problem) => problems.add(`${task}: ${problem}`))
    return [...problems]
  }
}

interface List {
  invoked: Set<number>
  acknowledged: Set<number>
  refused: Set<number>
  /** The longest read until now. */
  longest: readonly number[]
}

class Lists {
  readonly #lists = new Map<number, List>()
  /** What was acknowledged of a list when a process began to read it. */
  readonly #due = new Map<string, number[]>()

  #of(task: number): List {
    let list = this.#lists.get(task)
    if (!list) {
      list = { invoked: new Set(), acknowledged: new Set(), refused: new Set(), longest: [] }
      this.#lists.set(task, list)
    }
    return list
  }

  append(type: Type, task: number, run: number): void {
    const list = this.#of(task)
    if (type === 'invoke') list.invoked.add(run)
    if (type === 'ok') list.acknowledged.add(run)
    if (type === 'fail') list.refused.add(run)
  }

  read(
    type: Type,
    process: number,
    task: number,
    found: number[] | null,
    report: (problem: string) => void,
  ): void {
    const list = this.#of(task)
    const reading = `${process} ${task}`
    if (type === 'invoke') this.#due.set(reading, [...list.acknowledged])
    if (type !== 'ok' || !found) return
    if (new Set(found).size < found.length) report('an answer is in it twice')
    for (const one of found) if (!list.invoked.has(one)) report(`nobody gave ${one}`)
    for (const one of this.#due.get(reading) ?? []) if (!found.includes(one)) report(`${one} is lost`)
    const [short, long] = found.length < list.longest.length ? [found, list.longest] : [list.longest, found]
    if (short.some((one, index) => one !== long[index])) report('two reads contradict each other')
    list.longest = long
  }

  failed(report: (task: number, problem: string) => void): void {
    for (const [task, { refused, longest }] of this.#lists) {
      for (const one of refused) if (longest.includes(one)) report(task, `${one} was refused and is there`)
    }
  }
}
