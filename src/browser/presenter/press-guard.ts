/** The second press of a double-click or of a key comes within this time and is meant for the task before. */
const DOUBLE_PRESS_MS = 350

export interface PressGuard {
  /** Another task is on the screen from now on. */
  renew(): void
  /** Whether a key's press is the second one of a press that was meant for the task before. */
  isSecond(key: string): boolean
}

/** Keeps second presses of a mouse, a finger or a held key away from a task that has just come. */
export function guardSecondPresses(root: HTMLElement): PressGuard {
  let task = 0
  let lastClick = { at: 0, task: 0 }
  let lastKey = { key: '', at: 0, task: 0 }
  let pressedAtTask = 0

  root.addEventListener(
    'click',
    (event) => {
      const isSecond =
        event.detail > 1 && lastClick.task !== task && event.timeStamp - lastClick.at < DOUBLE_PRESS_MS
      // A swallowed press belongs to the same task as the one before it.
      lastClick = { at: event.timeStamp, task: isSecond ? lastClick.task : task }
      if (isSecond) stop(event)
    },
    { capture: true },
  )
  root.addEventListener(
    'keydown',
    (event) => {
      if (!event.repeat) pressedAtTask = task
      else if (pressedAtTask !== task) stop(event)
    },
    { capture: true },
  )

  return {
    renew() {
      task += 1
    },
    isSecond(key) {
      const now = performance.now()
      const isSecond = key === lastKey.key && lastKey.task !== task && now - lastKey.at < DOUBLE_PRESS_MS
      lastKey = { key, at: now, task: isSecond ? lastKey.task : task }
      return isSecond
    },
  }
}

function stop(event: Event): void {
  event.preventDefault()
  event.stopPropagation()
}
