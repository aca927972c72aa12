/** Shorter texts are no secrets; to hide them would make a log unreadable. */
const LENGTH_MIN = 8

/** Tokens of GitHub and keys in their usual form, whoever they belong to. */
const TOKENS = /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[a-z]-[\w-]{10,})\b/g

/** @returns hides secrets, and whatever looks like a token, in a text. */
export function createRedaction(secrets: readonly string[]): (text: string) => string {
  const forms = secrets
    .map((secret) => secret.trim())
    .filter(({ length }) => length >= LENGTH_MIN)
    .flatMap((secret) => [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
    // The longest first, so that no end of one is left when another is its beginning.
    .sort((a, b) => b.length - a.length)
  return (text) => {
    let safe = text
    for (const form of forms) safe = safe.replaceAll(form, '[secret]')
    return safe.replace(TOKENS, '[secret]')
  }
}
