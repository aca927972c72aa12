/**
 * Tells when somebody has typed or chosen something, once until the teller hears that it may be gone: the page around the
 * frame asks before such work is left.
 *
 * @returns to be called when what was typed was saved or passed over.
 */
export function noticeWork(tell: () => void): () => void {
  let isTold = false
  for (const type of ['input', 'change']) {
    document.addEventListener(type, ({ isTrusted }) => {
      if (isTold || !isTrusted) return
      isTold = true
      tell()
    })
  }
  return () => {
    isTold = false
  }
}
