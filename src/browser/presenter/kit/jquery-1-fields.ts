import jQuery from 'jquery'

/**
 * Presenters from the days of jQuery 1 read by `attr` what somebody typed or checked, and check boxes by it; jQuery 2
 * knows the first state only. A value that stands in the markup is told as jQuery 2 does.
 */
export function keepFieldsOfJquery1(): void {
  jQuery.attrHooks['value'] = {
    get: (element) => (isField(element) && !element.hasAttribute('value') ? element.value : null),
  }
  jQuery.attrHooks['checked'] = {
    get: (element) => (isBox(element) ? (element.checked ? 'checked' : undefined) : null),
    set(element, value) {
      element.toggleAttribute('checked', value !== false)
      if (isBox(element)) element.checked = value !== false
      return 'checked'
    },
  }
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement | HTMLButtonElement

function isField(element: Element): element is Field {
  return element.matches('input, textarea, select, button')
}

function isBox(element: Element): element is HTMLInputElement {
  return element.matches('input')
}
