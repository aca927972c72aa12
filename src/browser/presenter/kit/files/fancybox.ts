/*
 * `$(links).fancybox()` opens in a dialogue what a link leads to: a picture, or a part of the page. The original's licence
 * keeps it from projects that earn money; this one is Bootstrap's dialogue, and knows what presenters use of it.
 */
interface FancyboxOptions {
  href?: string
  content?: string | HTMLElement
  afterShow?: () => void
  afterClose?: () => void
}

const CLOSE = '<button type="button" class="close" data-dismiss="modal" aria-label="Close">×</button>'
const { jQuery } = window
let dialogue: HTMLElement | undefined

function open(options: FancyboxOptions): void {
  close()
  const box = document.createElement('div')
  box.className = 'modal'
  box.tabIndex = -1
  box.setAttribute('role', 'dialog')
  box.innerHTML = `<div class="modal-dialog modal-lg"><div class="modal-content"><div class="modal-body">${CLOSE}
    <div class="fancybox-content"></div></div></div></div>`
  box.querySelector('.fancybox-content')?.append(shownBy(options))
  document.body.append(box)
  dialogue = box
  jQuery(box)
    .on('shown.bs.modal', () => options.afterShow?.())
    .on('hidden.bs.modal', () => {
      box.remove()
      if (dialogue === box) dialogue = undefined
      options.afterClose?.()
    })
    .modal('show')
}

function close(): void {
  if (dialogue) jQuery(dialogue).modal('hide')
}

function shownBy({ content, href = '' }: FancyboxOptions): Node {
  if (content instanceof HTMLElement) return content
  if (content !== undefined) return document.createRange().createContextualFragment(content)
  const part = href.startsWith('#') ? document.getElementById(href.slice(1)) : null
  if (part) {
    const copy = part.cloneNode(true) as HTMLElement
    copy.style.display = 'block'
    return copy
  }
  return Object.assign(new Image(), { src: href, alt: '' })
}

function fancybox(this: ArrayLike<HTMLElement>, options: FancyboxOptions = {}): ArrayLike<HTMLElement> {
  for (const link of Array.from(this)) {
    link.addEventListener('click', (event) => {
      event.preventDefault()
      open({ href: link.getAttribute('href') ?? '', ...options })
    })
  }
  return this
}

Object.assign(jQuery.fn, { fancybox })
Object.assign(jQuery, { fancybox: Object.assign(open, { open, close }) })
