/*
 * The field guide beside the task (entry `field-guide`): #show-guide opens and closes #field-guide, as #close-guide and
 * Escape do. The task stays as it is meanwhile.
 */
const guide = document.getElementById('field-guide')
const opener = document.getElementById('show-guide')

if (guide && opener) {
  const show = (isShown: boolean) => {
    guide.hidden = !isShown
    opener.setAttribute('aria-expanded', String(isShown))
    // To the guide's beginning, and back to where one came from.
    if (isShown) guide.focus()
    else opener.focus()
  }
  opener.addEventListener('click', () => {
    show(guide.hasAttribute('hidden'))
  })
  document.getElementById('close-guide')?.addEventListener('click', () => {
    show(false)
  })
  guide.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') show(false)
  })
}
