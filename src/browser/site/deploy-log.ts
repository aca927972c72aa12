/** Goes on writing the log of a deploy under way; the page has what was said before it was opened. */
const log = document.querySelector<HTMLElement>('[data-stream]')
if (log) follow(log)

function follow(element: HTMLElement): void {
  const source = new EventSource(element.dataset['stream'] ?? '')
  source.addEventListener('message', ({ data }: MessageEvent<string>) => {
    // Who has scrolled up to read is left there.
    const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 20
    element.append(String(JSON.parse(data)))
    if (isAtEnd) element.scrollTop = element.scrollHeight
  })
  source.addEventListener('end', () => {
    source.close()
  })
}
