import type { CoverageFile } from 'monocart-coverage-reports'

/** What ran of one file, wherever it ran. */
export interface MergedFile {
  readonly path: string
  readonly lines: number
  readonly branches: number
  /** Numbers of lines that nothing ran, from 1. */
  readonly missedLines: readonly number[]
  /** Lines of branches that nothing took. */
  readonly missedBranches: readonly number[]
}

export interface Totals {
  readonly linesPercent: number
  readonly branchesPercent: number
}

type Branch = NonNullable<NonNullable<CoverageFile['data']>['branches']>[number]

/**
 * One list of what Node's processes and the browsers ran. Node's list holds every file, with code that nothing loaded,
 * and decides what there is to run; what a browser ran is found in it by line and by the place of each branch. The
 * browsers' bundles must not be minified: then their source maps name the same branches.
 */
export function mergeCoverage(
  node: readonly CoverageFile[],
  browsers: readonly CoverageFile[],
): MergedFile[] {
  return node.map((file) => {
    const inBrowsers = browsers.filter(({ sourcePath }) => sourcePath === file.sourcePath)
    const lines = Object.entries(file.data?.lines ?? {})
    const branches = file.data?.branches ?? []
    const ranLine = (line: string) => inBrowsers.some(({ data }) => hasRun(data?.lines?.[line]))
    const tookBranch = (branch: Branch) =>
      inBrowsers.some(({ data }) => data?.branches?.some((other) => other.count > 0 && isSame(other, branch)))
    return {
      path: file.sourcePath,
      lines: lines.length,
      branches: branches.length,
      missedLines: lines
        .filter(([line, hits]) => !hasRun(hits) && !ranLine(line))
        .map(([line]) => Number(line)),
      missedBranches: branches
        .filter((branch) => branch.count === 0 && !tookBranch(branch))
        .map(({ start }) => lineAt(file.source ?? '', start)),
    }
  })
}

/** A number counts how often; a text such as 1/2 says that part of the line ran. */
function hasRun(hits: number | string | undefined): boolean {
  return hits !== undefined && hits !== 0
}

function isSame(one: Branch, other: Branch): boolean {
  return one.start === other.start && (one.none ?? false) === (other.none ?? false)
}

function lineAt(source: string, offset: number): number {
  return source.slice(0, offset).split('\n').length
}

export function totalsOf(files: readonly MergedFile[]): Totals {
  const percent = (all: number, missed: number) => (all === 0 ? 100 : ((all - missed) / all) * 100)
  const sum = (count: (file: MergedFile) => number) => files.reduce((total, file) => total + count(file), 0)
  return {
    linesPercent: percent(
      sum(({ lines }) => lines),
      sum(({ missedLines }) => missedLines.length),
    ),
    branchesPercent: percent(
      sum(({ branches }) => branches),
      sum(({ missedBranches }) => missedBranches.length),
    ),
  }
}

/** 3 4 5 9 as 3–5 9. */
export function rangesOf(lines: readonly number[]): string[] {
  const ranges: { from: number; to: number }[] = []
  for (const line of new Set([...lines].sort((a, b) => a - b))) {
    const last = ranges.at(-1)
    if (last?.to === line - 1) last.to = line
    else ranges.push({ from: line, to: line })
  }
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`))
}
