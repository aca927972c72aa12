/*
 * Shows on a picture which part of it the sliders of its form mean, and lets that part be dragged. Without this script the
 * sliders alone say it.
 *
 *   [data-cutter]   around the picture, in a form with the sliders size, across and down, in percent; data-width and
 *                   data-height: the shape of the part.
 */

for (const box of document.querySelectorAll<HTMLElement>('[data-cutter]')) {
  const picture = box.querySelector('img')
  const form = box.closest('form')
  if (picture && form) showPart(box, picture, form)
}

function showPart(box: HTMLElement, picture: HTMLImageElement, form: HTMLFormElement): void {
  const shape = Number(box.dataset['width']) / Number(box.dataset['height'])
  const frame = document.createElement('div')
  frame.className = 'cutter-frame'
  box.append(frame)
  const slider = (name: string) => form.querySelector<HTMLInputElement>(`[name="${name}"]`)
  const share = (name: string) => Number(slider(name)?.value ?? 100) / 100

  /** The part in pixels of the page. */
  function part() {
    const width = Math.min(picture.clientWidth, picture.clientHeight * shape) * share('size')
    const height = width / shape
    return { width, height, free: { x: picture.clientWidth - width, y: picture.clientHeight - height } }
  }

  function draw(): void {
    const { width, height, free } = part()
    frame.style.width = `${width}px`
    frame.style.height = `${height}px`
    frame.style.left = `${free.x * share('across')}px`
    frame.style.top = `${free.y * share('down')}px`
  }

  function move(name: string, by: number, free: number): void {
    const input = slider(name)
    if (input && free > 0) input.value = String(Number(input.value) + (100 * by) / free)
  }

  let last: { x: number; y: number } | undefined
  frame.addEventListener('pointerdown', (event) => {
    event.preventDefault()
    frame.setPointerCapture(event.pointerId)
    last = { x: event.clientX, y: event.clientY }
  })
  frame.addEventListener('pointermove', (event) => {
    if (!last) return
    const { free } = part()
    // A slider keeps whole percents: what is less than one waits.
    const [x, y] = [event.clientX - last.x, event.clientY - last.y]
    const isFar = Math.abs(100 * x) >= free.x || Math.abs(100 * y) >= free.y
    if (!isFar) return
    move('across', x, free.x)
    move('down', y, free.y)
    last = { x: event.clientX, y: event.clientY }
    draw()
  })
  frame.addEventListener('pointerup', () => {
    last = undefined
  })
  form.addEventListener('input', draw)
  picture.addEventListener('load', draw)
  new ResizeObserver(draw).observe(picture)
  draw()
}
