// The bridge between the contribute page (host) and the presenter's frame. Messages are JSON texts: whatever a
// presenter hangs on its objects (functions, elements, getters) cannot cross, and nothing but text is ever read.
// The first two messages, hello and welcome, travel by window.postMessage, as does the host's question who is there, which
// a hello answers; everything else by the pinned port.

/** Raised when a message changes its meaning; both sides refuse another version. */
export const BRIDGE_VERSION = 2

/** Longest message with a body in it (characters): a long transcription with its annotations fits many times. */
export const REQUEST_CHARS_MAX = 4_000_000
/** Longest message of any other kind (characters). */
export const MESSAGE_CHARS_MAX = 20_000
/** Longest text of a notice (characters); what is longer is cut. */
export const NOTICE_CHARS_MAX = 300

export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** What everybody may know of a project; PyBossa's names, because presenters read them. */
export interface BridgeProject {
  id: number
  short_name: string
  name: string
  description: string
}

/** The host's first message on the port. */
export interface BridgeInit {
  type: 'init'
  version: number
  project: BridgeProject
  /** BCP 47, for example `de` or `pt-BR`. */
  locale: string
  /** The task this page was opened for, if its address names one. */
  taskId: number | null
  /** Replaces the settings of the frame's document: an editor shows what is not saved yet. */
  settings: JsonObject | null
  /** Words of the ready templates in the reader's language, by key. */
  strings: Record<string, string>
  /** The site's origin: relative addresses in tasks belong to it. */
  endpoint: string
  isPreview: boolean
}

/** Status 0: nobody could be reached. 202: a task run is kept in the browser and sent as soon as possible. */
export interface BridgeResponse {
  type: 'response'
  id: number
  status: number
  body: Json
}

export type HostMessage =
  | BridgeInit
  | BridgeResponse
  /** A number key that was pressed outside the frame. */
  | { type: 'key'; key: string }
  /** The skip button of the page was pressed. */
  | { type: 'skip' }
  /** How many task runs wait in the browser to be sent. */
  | { type: 'state'; waiting: number }
  /** New settings to show from now on (preview only). */
  | { type: 'settings'; settings: JsonObject }

export interface BridgeRequest {
  type: 'request'
  id: number
  method: 'GET' | 'POST'
  path: string
  query: Record<string, string>
  body: Json
}

export type NoticeType = 'info' | 'success' | 'warning' | 'error' | 'loading'

export type FrameMessage =
  | BridgeRequest
  | { type: 'taskShown'; id: number }
  /** Nothing is left for this contributor. */
  | { type: 'finished' }
  | { type: 'notify'; text: string; notice: NoticeType; show: boolean }
  /** The height of the content, in CSS pixels. */
  | { type: 'resize'; height: number }
  /** Something opened that has to be seen, such as a dialogue: where it is in the frame, in CSS pixels. */
  | { type: 'reveal'; top: number; height: number }
  /** The document goes; one that cannot speak may take its place. */
  | { type: 'leaving' }
  /** A link of the presenter into the site; the host decides. */
  | { type: 'navigate'; path: string }
  /** Unsaved work on the screen: leaving asks first. */
  | { type: 'dirty'; dirty: boolean }
  /** The presenter's own script failed; the line (from 1) is that of its code. Only told in a preview. */
  | { type: 'error'; text: string; line: number | null }

/** The host's question to whatever document is in the frame. */
export const WHO = `{"manyhands":"who","version":${BRIDGE_VERSION}}`

/** Longest name of a document (characters). */
const DOCUMENT_CHARS_MAX = 40

/** A document's first message, and its reply to {@link WHO}. Its name is one that no other document has. */
export function writeHello(document: string): string {
  return JSON.stringify({ manyhands: 'hello', version: BRIDGE_VERSION, document })
}

/** The name of the document that says hello; undefined when this is something else. */
export function readHello(received: unknown): string | undefined {
  const message = parsed(received)
  const document =
    message?.['manyhands'] === 'hello' && message['version'] === BRIDGE_VERSION && message['document']
  return typeof document === 'string' && document.length <= DOCUMENT_CHARS_MAX ? document : undefined
}

/** The host's reply to a hello, with its port, for that document alone. */
export function writeWelcome(document: string): string {
  return JSON.stringify({ manyhands: 'welcome', version: BRIDGE_VERSION, document })
}

/** The message as it travels. `undefined` and functions inside are dropped, as everywhere in JSON. */
export function writeMessage(message: HostMessage | FrameMessage): string {
  return JSON.stringify(message)
}

/**
 * What a frame said, or undefined when it is not a message of this version. Nothing in it is trusted further than its
 * type: texts are cut to their limit, numbers are finite.
 */
export function readFrameMessage(received: unknown): FrameMessage | undefined {
  const message = parsed(received)
  if (!message) return undefined
  return FRAME_READERS.get(message['type'] ?? null)?.(message)
}

/** What the host said, or undefined when it is not a message of this version. */
export function readHostMessage(received: unknown): HostMessage | undefined {
  const message = parsed(received)
  return message && HOST_READERS.get(message['type'] ?? null)?.(message)
}

const NOTICE_TYPES: readonly NoticeType[] = ['info', 'success', 'warning', 'error', 'loading']

const FRAME_READERS = new Map<Json, (message: JsonObject) => FrameMessage | undefined>([
  ['request', readRequest],
  ['taskShown', ({ id }) => (isId(id) ? { type: 'taskShown', id } : undefined)],
  ['finished', () => ({ type: 'finished' })],
  ['notify', readNotice],
  ['resize', ({ height }) => (isFiniteNumber(height) ? { type: 'resize', height } : undefined)],
  ['reveal', readReveal],
  ['leaving', () => ({ type: 'leaving' })],
  ['navigate', ({ path }) => (typeof path === 'string' ? { type: 'navigate', path } : undefined)],
  ['dirty', ({ dirty }) => (typeof dirty === 'boolean' ? { type: 'dirty', dirty } : undefined)],
  ['error', readError],
])

const HOST_READERS = new Map<Json, (message: JsonObject) => HostMessage | undefined>([
  ['init', readInit],
  ['response', readResponse],
  ['key', ({ key }) => (typeof key === 'string' ? { type: 'key', key } : undefined)],
  ['skip', () => ({ type: 'skip' })],
  ['state', ({ waiting }) => (isFiniteNumber(waiting) ? { type: 'state', waiting } : undefined)],
  ['settings', ({ settings }) => (isObject(settings) ? { type: 'settings', settings } : undefined)],
])

function parsed(received: unknown): JsonObject | undefined {
  if (typeof received !== 'string' || received.length > REQUEST_CHARS_MAX) return undefined
  try {
    const value = JSON.parse(received) as Json
    if (!isObject(value)) return undefined
    return received.length <= MESSAGE_CHARS_MAX || mayBeLong(value) ? value : undefined
  } catch {
    return undefined
  }
}

function mayBeLong(message: JsonObject): boolean {
  return message['type'] === 'request' || message['type'] === 'response' || message['type'] === 'init'
}

function readInit(message: JsonObject): HostMessage | undefined {
  const { version, project, taskId, settings, strings } = message
  if (version !== BRIDGE_VERSION || !isObject(project)) return undefined
  return {
    type: 'init',
    version,
    project: {
      id: isId(project['id']) ? project['id'] : 0,
      short_name: textOf(project['short_name']),
      name: textOf(project['name']),
      description: textOf(project['description']),
    },
    locale: textOf(message['locale']),
    taskId: isId(taskId) ? taskId : null,
    settings: isObject(settings) ? settings : null,
    strings: readTexts(strings),
    endpoint: textOf(message['endpoint']),
    isPreview: message['isPreview'] === true,
  }
}

function readResponse({ id, status, body }: JsonObject): HostMessage | undefined {
  return isId(id) && isFiniteNumber(status) ? { type: 'response', id, status, body: body ?? null } : undefined
}

function readRequest({ id, method, path, query, body }: JsonObject): BridgeRequest | undefined {
  if (!isId(id) || typeof path !== 'string') return undefined
  if (method !== 'GET' && method !== 'POST') return undefined
  return { type: 'request', id, method, path, query: readTexts(query), body: body ?? null }
}

/** The members of an object that are no objects themselves, as texts. */
function readTexts(values: Json | undefined): Record<string, string> {
  if (!isObject(values)) return {}
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === null || typeof value === 'object' ? [] : [[name, String(value)]],
    ),
  )
}

function readNotice({ text, notice, show }: JsonObject): FrameMessage | undefined {
  if (typeof text !== 'string') return undefined
  const known = NOTICE_TYPES.find((type) => type === notice) ?? 'info'
  return { type: 'notify', text: text.slice(0, NOTICE_CHARS_MAX), notice: known, show: show !== false }
}

function readReveal({ top, height }: JsonObject): FrameMessage | undefined {
  return isFiniteNumber(top) && isFiniteNumber(height) ? { type: 'reveal', top, height } : undefined
}

function readError({ text, line }: JsonObject): FrameMessage | undefined {
  if (typeof text !== 'string') return undefined
  return { type: 'error', text: text.slice(0, NOTICE_CHARS_MAX), line: isId(line) ? line : null }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** A JSON object: neither a list nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A positive whole number that JavaScript holds exactly. */
export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isFiniteNumber(value: unknown): value is number {
  return Number.isFinite(value)
}
