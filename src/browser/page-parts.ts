// A page and its script are made together: what the page lacks is a mistake of ours, and is told as one.

/** An element of the page. @throws Error when it is not there. */
export function mustFind<T extends HTMLElement = HTMLElement>(id: string, kind?: new () => T): T {
  return mustBe(document.getElementById(id), kind ?? HTMLElement, `#${id}`) as T
}

/** A field of a form by its name. @throws Error when it has none of that kind. */
export function mustHave<T extends HTMLElement>(form: HTMLFormElement, name: string, kind: new () => T): T {
  return mustBe(form.elements.namedItem(name), kind, name)
}

function mustBe<T>(found: unknown, kind: new () => T, name: string): T {
  if (found instanceof kind) return found
  throw new Error(`The page has no ${name}`)
}
