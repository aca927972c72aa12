/** The waiting circle of PyBossa's first theme: `new Throbber({color, size})`, appendTo, start, stop. */
class Throbber {
  readonly #circle: HTMLElement
  #turning: Animation | undefined

  constructor({ color = 'black', size = 40 }: { color?: string; size?: number } = {}) {
    this.#circle = document.createElement('div')
    Object.assign(this.#circle.style, {
      width: `${size}px`,
      height: `${size}px`,
      boxSizing: 'border-box',
      borderRadius: '50%',
      border: `${Math.max(2, size / 10)}px solid ${color}`,
      borderTopColor: 'transparent',
      visibility: 'hidden',
    })
  }

  appendTo(element: Element): this {
    element.append(this.#circle)
    return this
  }

  start(): this {
    this.#circle.style.visibility = 'visible'
    this.#turning ??= this.#circle.animate(
      { rotate: ['0deg', '360deg'] },
      { duration: 1000, iterations: Infinity },
    )
    this.#turning.play()
    return this
  }

  stop(): this {
    this.#circle.style.visibility = 'hidden'
    this.#turning?.pause()
    return this
  }
}

Object.assign(window, { Throbber })
