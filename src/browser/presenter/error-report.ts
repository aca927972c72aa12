import type { BridgeClient } from './bridge-end.ts'

/** A script that fails in a loop has said enough. */
const REPORTS_MAX = 50

interface Report {
  text: string
  line: number | null
}

/** Tells the page around a preview what fails in the presenter's own script, from its first line on. */
export function reportErrors(connected: Promise<BridgeClient>): void {
  let count = 0

  function report({ text, line }: Report): void {
    count += 1
    if (count > REPORTS_MAX) return
    void connected.then(({ init, send }) => {
      if (init.isPreview) send({ type: 'error', text, line })
    })
  }

  // While capturing, because what cannot be loaded tells its own element only.
  window.addEventListener(
    'error',
    (event: Event) => {
      const found = event instanceof ErrorEvent ? ofScript(event) : ofElement(event.target)
      if (found) report(found)
    },
    true,
  )
  window.addEventListener('unhandledrejection', ({ reason }: PromiseRejectionEvent) => {
    report({ text: `Not handled: ${String(reason)}`, line: lineInStack(reason) })
  })
}

function ofScript({ message, filename, lineno, error }: ErrorEvent): Report {
  const line = filename === ownAddress() ? codeLine(lineno) : lineInStack(error)
  return { text: message, line }
}

function ofElement(target: EventTarget | null): Report | undefined {
  if (!(target instanceof Element)) return undefined
  const address = target.getAttribute('src') ?? target.getAttribute('href')
  return address === null ? undefined : { text: `Could not be loaded: ${address}`, line: null }
}

/** The place in the presenter's code from which a library was called that failed. */
function lineInStack(error: unknown): number | null {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const at = stack.indexOf(`${ownAddress()}:`)
  const [, line] = at < 0 ? [] : (/^:(\d+)/.exec(stack.slice(at + ownAddress().length)) ?? [])
  return line === undefined ? null : codeLine(Number(line))
}

function ownAddress(): string {
  return location.href.replace(/#.*$/, '')
}

/** A line of the document as a line of the code inside; null for one before it. */
function codeLine(documentLine: number): number | null {
  const line = documentLine - Number(document.body.dataset['codeLine'] ?? 1) + 1
  return line > 0 ? line : null
}
