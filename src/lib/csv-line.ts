/** One line of CSV with minimal quoting, ended by a line feed. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`
}

/**
 * A text that a spreadsheet would run as a formula (the beginnings that OWASP names for CSV injection) gets an
 * apostrophe in front, unless it is a plain number.
 */
export function safeCell(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? `'${text}` : text
}
