/** The times whose ISO text begins with a prefix. */
export interface TimePrefix {
  readonly from: string
  /** The first time after them; undefined when the years end. */
  readonly before: string | undefined
  /** All times from `from` to `before` begin so; else some of them. */
  readonly isExact: boolean
}

/** A time cut off somewhere: in the middle of a unit, or at its end. */
const PREFIX = /^\d{1,4}(-(\d{1,2}(-(\d{1,2}(T(\d{1,2}(:(\d{1,2}(:(\d{1,2}(\.\d{0,6})?)?)?)?)?)?)?)?)?)?)?$/

/** A time up to the end of its last whole unit. */
const WHOLE = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d))?)?)?)?)?/

/** The range of a prefix such as 2015-05 or 2015-05-03T14; undefined for what no time begins with. */
export function timePrefix(prefix: string): TimePrefix | undefined {
  if (prefix === '') return { from: '0001-01-01T00:00:00Z', before: undefined, isExact: true }
  if (!PREFIX.test(prefix)) return undefined
  const whole = WHOLE.exec(prefix)
  if (!whole) return decades(prefix)
  const units = whole[0].split(/[-T:]/).map(Number)
  const from = startOf(units)
  // What does not come back the same is no time: a thirteenth month, a thirtieth of February.
  if (!from?.startsWith(whole[0])) return undefined
  const next = startOf([...units.slice(0, -1), (units.at(-1) ?? 0) + 1])
  return { from, before: next, isExact: whole[0] === prefix }
}

/** A year that is not written to its end. */
function decades(digits: string): TimePrefix | undefined {
  const first = Math.max(1, Number(digits.padEnd(4, '0')))
  const next = Number(digits.padEnd(4, '9')) + 1
  const from = startOf([first])
  return from === undefined ? undefined : { from, before: startOf([next]), isExact: false }
}

function startOf([year = 1, month = 1, day = 1, hour = 0, minute = 0, second = 0]: readonly number[]):
  string | undefined {
  if (year < 1 || year > 9999) return undefined
  const time = new Date(0)
  time.setUTCFullYear(year, month - 1, day)
  time.setUTCHours(hour, minute, second)
  return time.getUTCFullYear() > 9999 ? undefined : time.toISOString().replace('.000', '')
}
