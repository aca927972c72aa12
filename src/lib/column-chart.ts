/** A chart of columns, each made of parts on top of each other, in the units of its own viewBox. */
export interface ColumnChart {
  readonly width: number
  readonly height: number
  /** Lines across, with the value they stand for. */
  readonly lines: readonly { readonly y: number; readonly value: number }[]
  readonly columns: readonly Column[]
  /** Where the columns stand, and where what they are called is written. */
  readonly floor: number
  readonly left: number
}

export interface Column {
  readonly x: number
  readonly width: number
  readonly middle: number
  readonly label: string
  /** Among many columns only some are told by name. */
  readonly isNamed: boolean
  readonly parts: readonly { readonly y: number; readonly height: number }[]
}

const WIDTH = 360
const HEIGHT = 190
const LEFT = 40
/** The last name stands out over its column. */
const RIGHT = 4
const TOP = 12
const FLOOR = 166
const NAMED_MAX = 7
const LINES = 4

/** Lays columns out, the parts of each from the floor up. A chart of nothing but zeros reaches up to 1. */
export function columnChart(
  rows: readonly { readonly label: string; readonly values: readonly number[] }[],
): ColumnChart {
  const sums = rows.map(({ values }) => values.reduce((sum, value) => sum + value, 0))
  const step = niceStep(Math.max(1, ...sums) / LINES)
  const top = Math.ceil(Math.max(1, ...sums) / step) * step
  const heightOf = (value: number) => rounded((value / top) * (FLOOR - TOP))
  const slot = (WIDTH - LEFT - RIGHT) / Math.max(1, rows.length)
  const every = Math.ceil(rows.length / NAMED_MAX)
  return {
    width: WIDTH,
    height: HEIGHT,
    floor: FLOOR,
    left: LEFT,
    lines: Array.from({ length: top / step + 1 }, (_, line) => ({
      value: line * step,
      y: rounded(FLOOR - heightOf(line * step)),
    })),
    columns: rows.map(({ label, values }, index) => ({
      x: rounded(LEFT + slot * (index + 0.12)),
      width: rounded(slot * 0.76),
      middle: rounded(LEFT + slot * (index + 0.5)),
      label,
      // Counted from the last, which is today.
      isNamed: (rows.length - 1 - index) % every === 0,
      parts: partsOf(values.map(heightOf)),
    })),
  }
}

function partsOf(heights: readonly number[]): Column['parts'] {
  let y = FLOOR
  return heights.map((height) => {
    y = rounded(y - height)
    return { y, height }
  })
}

/** The least of 1, 2, 5, 10, 20 … that is not below this; whole, since charts count things. */
function niceStep(least: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
