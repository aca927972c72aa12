/** The play that a line of Ansible's output begins. */
export function playIn(line: string): string | undefined {
  return /^PLAY \[(.+)\] \**$/.exec(line)?.[1]
}

/** What a line says that went wrong: of a host that failed Ansible's own words, of another program the line. */
export function faultIn(line: string): string | undefined {
  if (!/^(?:fatal|error)\b/i.test(line)) return undefined
  const [, host, message] = /^fatal: \[(.+?)\]: .*"msg": ("(?:[^"\\]|\\.)*")/.exec(line) ?? []
  if (message === undefined) return line
  return `${host}: ${message.slice(1, -1).replaceAll('\\n', ' ').replaceAll('\\"', '"')}`
}
