import { PYBOSSA_FILES } from '../../lib/pybossa-files.ts'
import type { AnyNode, CallExpression, NewExpression } from 'acorn'
import { writtenName } from './code-reader.ts'
import type { ReadCode } from './code-reader.ts'

/** What a rule needs to know of the surroundings. */
export interface CheckedFor {
  shortName: string
  /** A tutorial runs no tasks. */
  part: 'presenter' | 'tutorial'
  /** Whether presenters have hosts of their own here; else they run in an opaque sandbox. */
  hasOwnHosts: boolean
}

/** Something found, at an offset into the code. */
export interface Finding {
  at: number
  text: string
}

/** One habit that does not work in the frame of a presenter. */
export interface CodeRule {
  name: string
  find(read: ReadCode, checkedFor: CheckedFor): Finding[]
}

/** Everything that is looked for. */
export const CODE_RULES: readonly CodeRule[] = [
  {
    name: 'syntax',
    find: ({ broken }) =>
      broken.map(({ at, message }) => ({
        at,
        text: `This script cannot be read, so none of it runs: ${message}.`,
      })),
  },
  {
    name: 'insecure-address',
    find: (read) =>
      loaded(read)
        .filter(({ address, isNeeded }) => isNeeded && /^http:/i.test(address))
        .map(({ at, address }) => ({
          at,
          text: `Browsers refuse to load ${address} into a page that came by https. Write https, or keep the file elsewhere.`,
        })),
  },
  {
    name: 'gone-host',
    find: (read) =>
      loaded(read).flatMap(({ at, address }) => {
        const advice = goneHost(address)
        return advice === undefined ? [] : [{ at, text: `${hostOf(address) ?? ''} ${advice}` }]
      }),
  },
  {
    name: 'page-around',
    find: (read) =>
      membersNamed(
        read,
        /^(?:(?:window|self|globalThis)\.(?:parent|top)|(?:parent|top)\.(?:location|document|postMessage|window|\$|jQuery))$/,
      ).map(({ at, name }) => ({
        at,
        text: `${name} is the page around the frame, which a presenter cannot reach. Keep to the frame’s own window and document.`,
      })),
  },
  {
    name: 'navigation',
    find: (read) =>
      [
        ...assignedLocations(read),
        ...callsNamed(read, /^(?:window\.|document\.|self\.)?location\.(?:assign|replace)$/),
      ].map(({ at, name }) => ({
        at,
        text: `${name} leaves the presenter’s page, and the frame stays empty. After saving, call deferred.resolve(): pybossa.run shows the next task. For other pages use a link with target="_blank".`,
      })),
  },
  {
    name: 'facebook',
    find: (read) =>
      [
        ...loaded(read).filter(({ address }) => hostOf(address) === 'connect.facebook.net'),
        ...membersNamed(read, /^(?:window\.)?(?:fbAsyncInit|FB\.(?:init|login|api|getLoginStatus))$/),
      ].map(({ at }) => ({
        at,
        text: 'Facebook’s script does not work in the frame: signing in and sharing need a page of Facebook’s own. Take it out.',
      })),
  },
  {
    name: 'nested-player',
    find: (read, { hasOwnHosts }) =>
      hasOwnHosts
        ? []
        : loaded(read)
            .filter(({ element, address }) => element === 'iframe' && PLAYERS.test(hostOf(address) ?? ''))
            .map(({ at, address }) => ({
              at,
              text: `The player of ${hostOf(address) ?? ''} does not work on this site: its presenters run in a closed sandbox. Link to the page with target="_blank", or use a video or sound file.`,
            })),
  },
  {
    name: 'address-bar',
    find: (read) =>
      [
        ...callsNamed(read, /^(?:window\.)?history\.(?:pushState|replaceState)$/),
        ...membersNamed(read, /^window\.onpopstate$/),
      ].map(({ at, name }) => ({
        at,
        text: `${name} changes no address that people see: the page around the frame shows the task’s own. Do not rely on it.`,
      })),
  },
  {
    name: 'no-run',
    find: (read, { part }) =>
      isNotAll(read, part) || callsNamed(read, /^(?:window\.)?pybossa\.(?:run|newTask)$/).length > 0
        ? []
        : [
            {
              at: 0,
              text: 'Nothing asks for a task. Call pybossa.run with the short name of the project at the end of your script.',
            },
          ],
  },
  {
    name: 'no-save',
    find: (read, { part }) =>
      isNotAll(read, part) || savesSomething(read)
        ? []
        : [
            {
              at: 0,
              text: 'Nothing is saved. Call pybossa.saveTask(task, answer) when somebody has answered.',
            },
          ],
  },
  {
    name: 'other-project',
    find: (read, { shortName }) =>
      callsNamed(read, /^(?:window\.)?pybossa\.(?:run|newTask|userProgress)$/).flatMap(
        ({ at, name, call }) => {
          const [first] = call.arguments
          const written = first?.type === 'Literal' ? first.value : undefined
          return typeof written !== 'string' || written === shortName
            ? []
            : [{ at, text: `${name} names another project, “${written}”. This one is “${shortName}”.` }]
        },
      ),
  },
  {
    name: 'same-id',
    find({ elements }) {
      const seen = new Set<string>()
      return elements.flatMap(({ attributes }) => {
        const id = attributes.get('id')
        if (!id || id.value === '') return []
        if (seen.has(id.value))
          return [
            {
              at: id.at,
              text: `A second element has the id “${id.value}”: scripts find only the first. Give it another one.`,
            },
          ]
        seen.add(id.value)
        return []
      })
    },
  },
  {
    name: 'jquery-3',
    find: (read) =>
      loaded(read).some(({ element, address }) => element === 'script' && JQUERY_3.test(address))
        ? callsNamed(read, /^(?!console\.).*\.(?:load|error)$/)
            .filter(({ call }) => isFunction(call.arguments[0]))
            .map(({ at, name }) => {
              const event = name.endsWith('load') ? 'load' : 'error'
              return {
                at,
                text: `From jQuery 3 on .${event}(…) is no event any more. Write .on('${event}', …), or leave jQuery out: version 2.2 is there already.`,
              }
            })
        : [],
  },
  {
    name: 'file-not-here',
    find: (read) =>
      loaded(read)
        .filter(({ address }) => isOfSite(address) && !isProvided(address.replace(/[?#].*$/, '')))
        .map(({ at, address }) => ({
          at,
          text: `There is no file ${address} in the frame. ${insteadOf(address)}`,
        })),
  },
  {
    name: 'request-refused',
    find: (read) =>
      requests(read)
        .filter(({ address }) => /^\/(?!\/)/.test(address) && !REACHABLE.test(address))
        .map(({ at, address }) => ({
          at,
          text: `A presenter cannot reach ${address} on this site: only its own project, tasks, progress and helping materials. Ask another site by its whole address, if it allows that.`,
        })),
  },
  {
    name: 'api-key',
    find: ({ code }) =>
      [...code.matchAll(/\bapi_key["']?\s*[=:]\s*["']?[\w-]{8,}/gi)].map(({ index }) => ({
        at: index,
        text: 'This looks like an API key, and everybody who answers can read it. Take it out, and revoke it under Account, API keys: pybossa.saveTask needs none.',
      })),
  },
]

/** Hosts that presenters in the wild load from and that give nothing usable any more, and what to do. */
const GONE_HOSTS: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:raw\.github\.com|raw\.githubusercontent\.com)$/,
    'sends scripts and styles as plain text, which browsers refuse. Take the file from cdn.jsdelivr.net/gh.',
  ],
  [/(?:^|\.)rawgit\.com$/, 'is closed. Take the file from cdn.jsdelivr.net/gh.'],
  [/(?:^|\.)(?:googlecode\.com|code\.google\.com)$/, 'is closed. Take the library from a present address.'],
  [
    /^(?:www\.|dev\.)?openlayers\.org$/,
    'has no libraries at their old addresses any more. Take OpenLayers from cdn.jsdelivr.net/npm/ol.',
  ],
  [/(?:^|\.)ol3js\.org$/, 'is gone. Take OpenLayers from cdn.jsdelivr.net/npm/ol.'],
  [/^goo\.gl$/, 'is closed. Write the address it stood for.'],
  [/(?:^|\.)crowdcrafting\.org$/, 'is gone. Keep the file elsewhere.'],
  [/^dl\.dropbox(?:usercontent)?\.com$/, 'serves no public folders any more. Keep the file elsewhere.'],
]

function goneHost(address: string): string | undefined {
  const host = hostOf(address)
  return host === undefined ? undefined : GONE_HOSTS.find(([name]) => name.test(host))?.[1]
}

const PLAYERS = /(?:^|\.)(?:youtube\.com|youtube-nocookie\.com|vimeo\.com|soundcloud\.com|dailymotion\.com)$/
const JQUERY_3 = /jquery[-.@/]v?[34][./]/i

/** Files of the site: uploads, tools, the demo's and samples' media, and what PyBossa has at its addresses. */
function isProvided(path: string): boolean {
  return PYBOSSA_FILES.has(path) || /^\/(?:uploads|tools|media)\//.test(path)
}

/** Libraries that PyBossa's themes had and the frame has not, and where there is the same. */
const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [
    /\bol[-.\w]*\.css$/i,
    'Take the style of OpenLayers 3 from https://cdn.jsdelivr.net/npm/openlayers@3.20.1/dist/ol.css.',
  ],
  [
    /\bol(?:3|-debug)?[-.\w]*\.js$/i,
    'Take OpenLayers 3 from https://cdn.jsdelivr.net/npm/openlayers@3.20.1/dist/ol.js.',
  ],
  [
    /\/fancybox\//i,
    'Of fancybox there are jquery.fancybox.pack.js and jquery.fancybox.css in /static/vendor/fancybox; leave its helpers out.',
  ],
]

function insteadOf(address: string): string {
  const path = address.replace(/[?#].*$/, '')
  const known = INSTEAD.find(([name]) => name.test(path))
  return known?.[1] ?? 'Write the whole address, beginning with https.'
}

/** Addresses that the bridge carries; the old names of PyBossa among them. */
const REACHABLE = /^\/api\/(?:project|task|taskrun|result|helpingmaterial|app)(?:[/?]|$)/

interface Loaded {
  element: string
  address: string
  at: number
  /** Scripts, styles and frames are refused over http on an https page; pictures are fetched by https instead. */
  isNeeded: boolean
}

const LOADING: Readonly<Record<string, string>> = {
  script: 'src',
  link: 'href',
  iframe: 'src',
  img: 'src',
  video: 'src',
  audio: 'src',
  source: 'src',
}

/** What the markup loads, where the address says something. */
function loaded({ elements }: ReadCode): Loaded[] {
  return elements.flatMap(({ name, attributes }) => {
    const attribute = attributes.get(LOADING[name] ?? '')
    const address = attribute?.value.trim() ?? ''
    if (!attribute || address === '' || /^(?:data|blob|javascript|about):|^#|[{}]/i.test(address)) return []
    const isNeeded = name === 'script' || name === 'link' || name === 'iframe'
    return [{ element: name, address, at: attribute.at, isNeeded }]
  })
}

function hostOf(address: string): string | undefined {
  const [, host] = /^(?:https?:)?\/\/([^/?#:]+)/i.exec(address) ?? []
  return host?.toLowerCase()
}

function isOfSite(address: string): boolean {
  return !/^[a-z][a-z0-9+.-]*:|^\/\//i.test(address)
}

/** Whether what is missing may be elsewhere: a tutorial runs no tasks, and scripts in files are not looked into. */
function isNotAll(read: ReadCode, part: CheckedFor['part']): boolean {
  if (part === 'tutorial' || read.broken.length > 0) return true
  return loaded(read).some(
    ({ element, address }) =>
      element === 'script' &&
      !/jquery|bootstrap|pybossa|openlayers|leaflet|raphael|d3|underscore/i.test(address),
  )
}

function savesSomething(read: ReadCode): boolean {
  return (
    callsNamed(read, /^(?:window\.)?pybossa\.saveTask$/).length > 0 ||
    requests(read).some(({ address }) => /^\/api\/taskrun\b/.test(address))
  )
}

interface Named {
  at: number
  name: string
}

type Call = CallExpression | NewExpression

function callsNamed({ scripts }: ReadCode, pattern: RegExp): (Named & { call: Call })[] {
  return scripts.flatMap(({ at, nodes }) =>
    nodes.flatMap((node) => {
      if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return []
      const name = writtenName(node.callee)
      return pattern.test(name) ? [{ at: at + node.start, name, call: node }] : []
    }),
  )
}

function membersNamed({ scripts }: ReadCode, pattern: RegExp): Named[] {
  return scripts.flatMap(({ at, nodes }) =>
    nodes.flatMap((node) => {
      if (node.type !== 'MemberExpression') return []
      const name = writtenName(node)
      return pattern.test(name) ? [{ at: at + node.start, name }] : []
    }),
  )
}

const LOCATION = /^(?:(?:window|document|self|top|parent)\.)?location(?:\.(?:href|pathname|search))?$/

function assignedLocations({ scripts }: ReadCode): Named[] {
  return scripts.flatMap(({ at, nodes }) =>
    nodes.flatMap((node) => {
      if (node.type !== 'AssignmentExpression') return []
      const name = writtenName(node.left)
      return LOCATION.test(name) ? [{ at: at + node.start, name }] : []
    }),
  )
}

/** The addresses that scripts ask for, where they are written out. */
function requests(read: ReadCode): { at: number; address: string }[] {
  return callsNamed(
    read,
    /^(?:(?:window\.)?(?:\$|jQuery)\.(?:ajax|get|post|getJSON|getScript)|(?:window\.)?fetch|axios\.(?:get|post)|\*?\w*\.open|\*\.load)$/,
  ).flatMap(({ at, name, call }) => {
    const [first, second] = call.arguments
    const written = name.endsWith('.open') ? textOf(second) : (textOf(first) ?? urlOf(first))
    return written === undefined ? [] : [{ at, address: written }]
  })
}

/** The `url` of the settings that $.ajax takes. */
function urlOf(node: AnyNode | undefined): string | undefined {
  if (node?.type !== 'ObjectExpression') return undefined
  const named = node.properties.find(
    (property) =>
      property.type === 'Property' && property.key.type === 'Identifier' && property.key.name === 'url',
  )
  return named?.type === 'Property' ? textOf(named.value) : undefined
}

/** A text that is written out, or its beginning: `'/api/task/' + id`. */
function textOf(node: AnyNode | undefined): string | undefined {
  if (node?.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node?.type === 'TemplateLiteral') return node.quasis[0]?.value.raw
  return node?.type === 'BinaryExpression' && node.operator === '+' ? textOf(node.left) : undefined
}

function isFunction(node: AnyNode | undefined): boolean {
  return node?.type === 'FunctionExpression' || node?.type === 'ArrowFunctionExpression'
}
