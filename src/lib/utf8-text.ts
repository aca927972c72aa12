/** Bytes as the text they are in UTF-8, without a byte-order mark; undefined for others, of which nothing is guessed. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
