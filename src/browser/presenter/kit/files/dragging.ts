/*
 * What presenters of PDFs move a page with: `$(box).dragscrollable({dragSelector})` scrolls a box by dragging, and
 * `$(boxes).scrollsync({targetSelector})` scrolls others with it.
 */
type Element$ = ArrayLike<HTMLElement>

function dragscrollable(this: Element$): Element$ {
  for (const box of Array.from(this)) {
    let last: PointerEvent | undefined
    box.addEventListener('pointerdown', (event) => {
      // Fingers scroll by themselves.
      if (event.pointerType === 'mouse') last = event
    })
    box.addEventListener('pointermove', (event) => {
      if (!last) return
      box.scrollLeft -= event.clientX - last.clientX
      box.scrollTop -= event.clientY - last.clientY
      last = event
    })
    for (const end of ['pointerup', 'pointerleave', 'pointercancel'])
      box.addEventListener(end, () => {
        last = undefined
      })
  }
  return this
}

function scrollsync(this: Element$, options: { targetSelector?: string } = {}): Element$ {
  const { targetSelector } = options
  for (const box of Array.from(this)) {
    box.addEventListener('scroll', () => {
      if (targetSelector === undefined) return
      for (const other of document.querySelectorAll(targetSelector)) {
        if (other !== box) other.scrollTo(box.scrollLeft, box.scrollTop)
      }
    })
  }
  return this
}

Object.assign(window.jQuery.fn, { dragscrollable, scrollsync })
