/** A position in a recording as people read it: minutes, seconds and tenths, such as 1:02.5. */
export function clockText(seconds: number): string {
  const tenths = Math.round(seconds * 10)
  const minutes = Math.floor(tenths / 600)
  return `${minutes}:${((tenths % 600) / 10).toFixed(1).padStart(4, '0')}`
}

/** Positions are kept to the hundredth of a second: nobody presses more exactly. */
export function toHundredths(seconds: number): number {
  return Math.round(seconds * 100) / 100
}
