/** A name that is safe in file names everywhere: ASCII letters, digits, dot, dash and underscore. */
export function fileNameOf(text: string): string {
  const ascii = text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '')
  return (
    ascii
      .replace(/\s+/g, '_')
      .replace(/[^\w.-]/g, '')
      .replace(/^\.+/, '') || 'project'
  )
}
