/*
 * Large files go up in pieces before their form is sent, and go on where a broken connection stopped them, also after the
 * page was closed and the same file is chosen again. Without this script the form brings the file itself.
 *
 *   input[type=file][data-resumable]   data-bytes-max: the largest the form takes; data-strings: the words shown.
 *
 * The form is then sent without the file: the field `<name>_resumable` names the upload.
 */
import { DetailedError, Upload } from 'tus-js-client'

interface Strings {
  /** With {percent}. */
  sending: string
  /** With {percent}. */
  waiting: string
  stop: string
  stopped: string
  tooLarge: string
  failed: string
}

/** A smaller one is as soon sent again. */
const SMALL_BYTES = 5 * 1024 * 1024
/** In milliseconds: a connection that stays away for longer is waited for by `online`, or by the person. */
const RETRY_DELAYS = [0, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000]

for (const input of document.querySelectorAll<HTMLInputElement>('input[type=file][data-resumable]'))
  if (input.form) sendInPieces(input, input.form)

function sendInPieces(input: HTMLInputElement, form: HTMLFormElement): void {
  const strings = JSON.parse(input.dataset['strings'] ?? '{}') as Strings
  const bytesMax = Number(input.dataset['bytesMax'])
  const view = createView(strings.stop)
  let underWay: Upload | undefined

  const submit = (id: string, submitter: HTMLElement | null) => {
    const named = document.createElement('input')
    named.type = 'hidden'
    named.name = `${input.name}_resumable`
    named.value = id
    form.append(named)
    input.value = ''
    form.requestSubmit(submitter)
  }

  const end = (words: string) => {
    underWay = undefined
    view.say(words)
    view.rest()
  }

  const start = async (file: File, submitter: HTMLElement | null) => {
    let percent = 0
    const upload = new Upload(file, {
      endpoint: '/resumable',
      retryDelays: RETRY_DELAYS,
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name },
      onProgress(sent, all) {
        percent = Math.floor((100 * sent) / all)
        view.show(percent, strings.sending)
      },
      onShouldRetry(error) {
        const status = error.originalResponse?.getStatus() ?? 0
        view.show(percent, strings.waiting)
        return status === 0 || status >= 500 || status === 409 || status === 423
      },
      onError(error) {
        end(refusalOf(error) ?? strings.failed)
      },
      onSuccess() {
        underWay = undefined
        submit(upload.url?.replace(/^.*\//, '') ?? '', submitter)
      },
    })
    underWay = upload
    view.show(0, strings.sending)
    const [previous] = await upload.findPreviousUploads()
    if (previous) upload.resumeFromPreviousUpload(previous)
    upload.start()
  }

  view.stop.addEventListener('click', () => {
    void underWay?.abort()
    end(strings.stopped)
    input.focus()
  })

  form.addEventListener('submit', (event) => {
    const [file] = input.files ?? []
    if (!file || file.size < SMALL_BYTES) return
    event.preventDefault()
    if (underWay) return
    if (!view.part.isConnected) input.after(view.part)
    if (file.size > bytesMax) view.say(strings.tooLarge)
    else void start(file, event.submitter)
  })
}

/** What the site says to somebody of whom too much waits already. */
function refusalOf(error: Error): string | undefined {
  const response = error instanceof DetailedError ? error.originalResponse : null
  return response?.getStatus() === 429 ? response.getBody() : undefined
}

/** What is shown below the field: how far it has come, and a way to stop. */
function createView(stopWord: string) {
  const part = document.createElement('div')
  const bar = document.createElement('progress')
  const words = document.createElement('span')
  const stop = document.createElement('button')
  part.className = 'progress progress--upload'
  bar.max = 100
  bar.hidden = true
  words.role = 'status'
  stop.type = 'button'
  stop.className = 'button button--quiet button--small'
  stop.textContent = stopWord
  stop.hidden = true
  part.append(bar, words, stop)
  let said = ''
  return {
    part,
    stop,
    show(percent: number, template: string) {
      const text = template.replace('{percent}', String(percent))
      bar.value = percent
      bar.ariaLabel = text
      bar.hidden = stop.hidden = false
      // Every tenth is said: a screen reader would say nothing else.
      const step = `${template} ${Math.floor(percent / 10)}`
      if (step !== said) words.textContent = text
      said = step
    },
    say(text: string) {
      words.textContent = text
      said = ''
    },
    rest() {
      bar.hidden = stop.hidden = true
    },
  }
}
