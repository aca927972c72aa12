/** How a workbook writes what its cells refer to. */
export interface CellRules {
  /** Texts that cells name by their place. */
  texts: readonly string[]
  /** For each style, whether its numbers are shown as times. */
  isTime: readonly boolean[]
  /** Days are counted from 1904 and not from 1900. */
  from1904: boolean
}

/** A cell as its sheet has it. */
export interface RawCell {
  type: string | undefined
  style: number
  text: string
}

/** A cell as a person reads it; undefined for an error such as #N/A. */
export function cellText({ type, style, text }: RawCell, rules: CellRules): string | undefined {
  if (type === 'e') return undefined
  if (type === 's') return rules.texts[Number(text)] ?? ''
  if (type === 'b') return text === '1' ? 'true' : 'false'
  if (type === 'str' || type === 'inlineStr' || type === 'd' || text === '') return text
  const number = Number(text)
  if (!Number.isFinite(number)) return text
  return rules.isTime[style] === true ? timeText(number, rules.from1904) : String(number)
}

/** Excel's numbers of formats that show a time and that no file spells out. */
const TIME_FORMATS = [
  [14, 22],
  [27, 36],
  [45, 47],
  [50, 58],
] as const

/** @param code how the workbook spells the format, if it does. */
export function isTimeFormat(id: number, code: string | undefined): boolean {
  if (code === undefined) return TIME_FORMATS.some(([from, to]) => id >= from && id <= to)
  const bare = code.replace(/"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '')
  return /[ymdhs]/i.test(bare) && !/general/i.test(bare)
}

const DAY_MS = 86_400_000
/** Days from Excel's day 0 to 1970. Its 1900 has a 29th of February, so earlier days than March 1900 are one off. */
const EPOCH_DAYS = 25_569
const DAYS_1904 = 1_462

/** A serial number as ISO 8601: a date, a time of day, or both. */
function timeText(serial: number, from1904: boolean): string {
  const days = from1904 ? serial + DAYS_1904 : serial < 60 ? serial + 1 : serial
  const time = new Date(Math.round(((days - EPOCH_DAYS) * DAY_MS) / 1_000) * 1_000)
  if (Number.isNaN(time.getTime()) || serial < 0) return String(serial)
  const [date = '', clock = ''] = time.toISOString().slice(0, 19).split('T')
  if (serial < 1 && serial > 0) return clock
  return clock === '00:00:00' ? date : `${date}T${clock}`
}

/** The place of a cell in its row, from 0, of a reference such as AB7. */
export function columnIndex(reference: string): number | undefined {
  const [letters] = /^[A-Z]{1,3}/.exec(reference) ?? []
  if (letters === undefined) return undefined
  let index = 0
  for (const letter of letters) index = index * 26 + letter.charCodeAt(0) - 64
  return index - 1
}
