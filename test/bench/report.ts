/** One measured thing of a figure, and what the figure asks of it. */
export interface Line {
  readonly name: string
  readonly value: string
  /** Left out where a figure only shows something beside. */
  readonly limit?: string
  readonly holds?: boolean
}

/** A figure whose value must not be above, or not be below, a limit. */
export function judged(name: string, value: number, limit: { max: number } | { min: number }): Line {
  const [sign, bound] = 'max' in limit ? ['≤', limit.max] : ['≥', limit.min]
  const holds = 'max' in limit ? value <= limit.max : value >= limit.min
  return { name, value: value.toFixed(2), limit: `${sign} ${bound}`, holds }
}

/** The same for what differs from round to round: its median is judged, its spread is shown. */
export function judgedSpread(
  name: string,
  values: readonly number[],
  limit: { max: number } | { min: number },
): Line {
  return { ...judged(name, percentile(values, 50), limit), value: spread(values, 2) }
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}

/** The median, the lowest and the highest. */
export function spread(values: readonly number[], digits: number): string {
  const at = (percent: number) => percentile(values, percent).toFixed(digits)
  return `${at(50)} (${at(0.001)} to ${at(100)})`
}

export function printLines(title: string, lines: readonly Line[]): void {
  console.log(formatLines(title, lines))
}

export function formatLines(title: string, lines: readonly Line[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length))
  const rows = lines.map(({ name, value, limit, holds }) => {
    const verdict = limit === undefined ? '' : `   ${limit} ${holds === true ? 'holds' : 'MISSED'}`
    return `  ${name.padEnd(width)}  ${value}${verdict}`
  })
  return ['', title, '', ...rows].join('\n')
}
