/** Shorter texts are no secrets; to hide them would make a log unreadable. */
const LENGTH_MIN = 8

/** Tokens of GitHub and keys in their usual form, whoever they belong to. */
const TOKENS = /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[a-z]-[\w-]{10,})\b/g

/** The password of an address such as postgresql://name:password@host, whoever it belongs to. */
const PASSWORDS = /(\b[a-z][a-z\d+.-]{0,20}:\/\/[^\s:/@"']{0,99}:)[^\s/@"']+(?=@)/gi

/** What an address gives away behind its question mark. */
const PARAMETERS = /([?&][\w.-]{0,40}(?:token|secret|password|signature|api_?key)[\w.-]{0,40}=)[^\s&#"']+/gi

/** What a request says of who sends it. */
const CREDENTIALS = /(\bauthorization\b["']?\s*[:=]\s*["']?(?:basic|bearer|token)\s+)[^\s"',]+/gi

/** @returns hides secrets, and whatever looks like a token, in a text. */
export function createRedaction(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .map((secret) => secret.trim())
    .filter(({ length }) => length >= LENGTH_MIN)
    .flatMap((secret) => [
      ...[secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)],
      // As Ansible shows it among other values.
      JSON.stringify(secret).slice(1, -1),
    ])
    // The longest first, so that no end of one is left when another is its beginning.
    .sort((a, b) => b.length - a.length)
  return (text) => {
    let safe = text
    for (const form of forms) safe = safe.replaceAll(form, '[secret]')
    for (const pattern of [PASSWORDS, PARAMETERS, CREDENTIALS]) safe = safe.replace(pattern, '$1[secret]')
    return safe.replace(TOKENS, '[secret]')
  }
}
