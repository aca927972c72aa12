/*
 * Small helpers on the site's own pages; all of them work without it.
 *
 *   [data-refresh]   a part of the page that is fetched anew every few seconds while it says it is unfinished
 *                    (data-refresh="3" seconds); the element is found again by its id.
 *   [data-copy]      a button that copies the text of the element whose id it names.
 *   [data-proposes]  a form whose field of that name is filled in from the field that data-from names, as long as
 *                    nobody has typed into it.
 */
import { proposedShortName } from '../../lib/short-name.ts'

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) {
  button.hidden = false
  button.addEventListener('click', () => {
    const text = document.getElementById(button.dataset['copy'] ?? '')?.textContent ?? ''
    void navigator.clipboard.writeText(text.trim()).then(() => {
      button.textContent = 'Copied'
    })
  })
}

for (const form of document.querySelectorAll<HTMLFormElement>('[data-proposes]')) {
  const field = (name: string | undefined) => form.elements.namedItem(name ?? '')
  const [from, to] = [field(form.dataset['from']), field(form.dataset['proposes'])]
  if (!(from instanceof HTMLInputElement) || !(to instanceof HTMLInputElement)) continue
  const isProposed = () => to.value === '' || to.value === to.dataset['proposed']
  from.addEventListener('input', () => {
    if (!isProposed()) return
    to.value = proposedShortName(from.value)
    to.dataset['proposed'] = to.value
  })
}

for (const part of document.querySelectorAll<HTMLElement>('[data-refresh]')) scheduleRefresh(part)

function scheduleRefresh(part: HTMLElement): void {
  const seconds = Number(part.dataset['refresh'])
  if (!(seconds > 0)) return
  setTimeout(() => void refresh(part), seconds * 1_000)
}

async function refresh(part: HTMLElement): Promise<void> {
  let fresh: HTMLElement | null = null
  try {
    // A hidden page need not be up to date; a reader in the middle of the table must not lose the place.
    if (!document.hidden && !part.contains(document.activeElement)) {
      const response = await fetch(location.href, { headers: { Accept: 'text/html' } })
      const page = new DOMParser().parseFromString(await response.text(), 'text/html')
      fresh = response.ok ? page.getElementById(part.id) : null
    }
  } catch {
    // The next round tries again.
  }
  if (fresh) part.replaceWith(fresh)
  scheduleRefresh(fresh ?? part)
}
