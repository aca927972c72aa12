/** What `Modernizr.load` takes, one or a list of them: addresses, or a test and what to load by its outcome. */
type Loading = string | LoadStep | readonly Loading[] | null | undefined

interface LoadStep {
  test?: unknown
  yep?: Loading
  nope?: Loading
  both?: Loading
  load?: Loading
  callback?: (url: string, result: boolean, key: number) => void
  complete?: () => void
}

/**
 * The part of Modernizr 2 that presenters use: the usual flags, of which today's browsers have all but touch, and `load`,
 * which runs scripts one after the other and then calls `complete`.
 */
export function createModernizr() {
  document.documentElement.classList.add('js')
  const touch = 'ontouchstart' in window || navigator.maxTouchPoints > 0
  const flags = Object.fromEntries(FLAGS.map((name) => [name, true]))
  return {
    ...flags,
    touch,
    input: { autocomplete: true, autofocus: true, placeholder: true, required: true, multiple: true },
    audio: { mp3: 'probably', ogg: 'probably', wav: 'probably', m4a: 'probably' },
    video: { h264: 'probably', ogg: 'probably', webm: 'probably' },
    mq: (query: string) => window.matchMedia(query).matches,
    load(loading: Loading) {
      run(loading).catch(reportError)
    },
  }
}

const FLAGS = [
  ...[
    'canvas',
    'canvastext',
    'svg',
    'inlinesvg',
    'svgclippaths',
    'webgl',
    'webworkers',
    'websockets',
    'history',
  ],
  ...[
    'hashchange',
    'localstorage',
    'sessionstorage',
    'postmessage',
    'draganddrop',
    'geolocation',
    'fontface',
  ],
  ...['csstransforms', 'csstransforms3d', 'csstransitions', 'cssanimations', 'csscolumns', 'cssgradients'],
  ...['borderradius', 'boxshadow', 'textshadow', 'opacity', 'rgba', 'hsla', 'flexbox', 'multiplebgs'],
  ...['backgroundsize', 'borderimage', 'generatedcontent', 'applicationcache', 'indexeddb'],
]

async function run(loading: Loading): Promise<void> {
  if (!loading) return
  if (typeof loading === 'string') await load(loading)
  else if (isList(loading)) for (const one of loading) await run(one)
  else await step(loading)
}

async function step({ test, yep, nope, both, load: always, callback, complete }: LoadStep): Promise<void> {
  const result = Boolean(test)
  const urls = [...flat(result ? yep : nope), ...flat(both), ...flat(always)]
  for (const [key, url] of urls.entries()) {
    await load(url)
    callback?.(url, result, key)
  }
  complete?.()
}

function flat(loading: Loading): string[] {
  if (typeof loading === 'string') return [loading]
  return isList(loading) ? loading.flatMap(flat) : []
}

function isList(loading: Loading): loading is readonly Loading[] {
  return Array.isArray(loading)
}

/** Resolves when the file ran, or is in force, or is not to be had: what needs it says so itself. */
function load(url: string): Promise<void> {
  const isStyle = /\.css([?#]|$)/.test(url)
  const element = isStyle
    ? Object.assign(document.createElement('link'), { rel: 'stylesheet', href: url })
    : Object.assign(document.createElement('script'), { src: url })
  return new Promise((resolve) => {
    element.onload = element.onerror = () => {
      resolve()
    }
    document.head.append(element)
  })
}
