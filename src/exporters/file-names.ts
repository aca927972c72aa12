import anyAscii from 'any-ascii'
import type { ExportFormat, ExportTable } from '../domain/exports/export-service.ts'

/**
 * A short name as it stands in file names: transliterated to ASCII; letters, digits, dot, dash and underscore only.
 * The same rule as PyBossa's, whose users' scripts look for these names.
 */
export function fileShortName(shortName: string): string {
  const name = anyAscii(shortName)
    .split(/[\s/\\]+/)
    .filter((part) => part !== '')
    .join('_')
    .replace(/[^\w.-]/g, '')
    .replace(/^[._]+|[._]+$/g, '')
  return name || 'project'
}

/** The name of an export's zip, such as `1_galaxies_task_run_csv.zip`. */
export function exportFileName(
  project: { id: number; shortName: string },
  what: ExportTable,
  format: ExportFormat,
): string {
  return `${project.id}_${fileShortName(project.shortName)}_${what}_${format}.zip`
}
