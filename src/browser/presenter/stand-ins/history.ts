/**
 * Presenters write the address of the task into the history, as pybossa.js does. The frame's own address has to stay, or
 * loading it again would find nothing; the page around it shows the address instead.
 */
export function keepAddress(onTask: (id: number) => void): void {
  const { replaceState } = history
  const write = (state: unknown, _title: string, url: string | URL | null = '') => {
    const id = Number(/\/task\/(\d+)\/?([?#]|$)/.exec(String(url))?.[1])
    if (id > 0) onTask(id)
    replaceState.call(history, state, '')
  }
  history.pushState = write
  history.replaceState = write
}
