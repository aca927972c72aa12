/**
 * Presenters write the address of the task into the history, as pybossa.js does. The frame's own address stays; the page
 * around it shows the task's instead.
 */
export function keepAddress(onTask: (id: number) => void): void {
  const { replaceState } = history
  hideTicket((path) => {
    replaceState.call(history, null, '', path)
  })
  const write = (state: unknown, _title: string, url: string | URL | null = '') => {
    const id = Number(/\/task\/(\d+)\/?([?#]|$)/.exec(String(url))?.[1])
    if (id > 0) onTask(id)
    replaceState.call(history, state, '')
  }
  history.pushState = write
  history.replaceState = write
}

/**
 * Some presenters save their address with what a person said, for all to read, so the ticket goes from it. It comes back
 * when the presenter goes to another page of its own. An opaque frame has no say in either, and some browsers none in the
 * latter.
 */
function hideTicket(show: (path: string) => void): void {
  if (window.origin === 'null' || !('navigation' in window)) return
  const ticket = location.search
  show(location.pathname)
  window.navigation.addEventListener('navigate', (event) => {
    const target = new URL(event.destination.url)
    const isPage = target.pathname === location.pathname || /^\/(project|app)\//.test(target.pathname)
    if (target.origin !== location.origin || target.search !== '' || !isPage) return
    if (event.hashChange || event.destination.sameDocument || !event.cancelable) return
    event.preventDefault()
    location.replace(target.pathname + ticket)
  })
}
