/** Hides the fields of a template's form that are not asked for, by the values of others; without script all are shown. */
export function followAskedFields(form: HTMLFormElement): void {
  const dependent = [...form.querySelectorAll<HTMLElement>('[data-when]')]
  function showAsked(): void {
    const values = new FormData(form)
    for (const field of dependent) {
      const wanted = (field.dataset['whenIs'] ?? '').split(' ')
      const value = values.get(field.dataset['when'] ?? '')
      field.hidden = typeof value !== 'string' || !wanted.includes(value)
    }
  }
  form.addEventListener('input', showAsked)
  showAsked()
}
