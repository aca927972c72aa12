const CLASSES: Readonly<Record<string, string>> = {
  success: 'alert-success',
  warning: 'alert-warning',
  error: 'alert-danger',
  danger: 'alert-danger',
}

/**
 * PyBossa's notice at the top of the page: `pybossaNotify(html, true, 'success')`; `show` false hides it. In the form with
 * two arguments the second one is the type.
 */
export function notify(html = '', show: boolean | string = true, type = ''): void {
  const box = notice()
  const named = typeof show === 'string' ? show : type
  box.className = `alert ${CLASSES[named] ?? 'alert-info'}`
  box.innerHTML = html
  box.hidden = show === false
}

function notice(): HTMLElement {
  const found = document.getElementById('pybossa-notification')
  if (found) return found
  const made = Object.assign(document.createElement('div'), { id: 'pybossa-notification' })
  made.setAttribute('role', 'status')
  document.body.prepend(made)
  return made
}
