import { readFileSync } from 'node:fs'
import { hosts } from './hosts.ts'

/** What is indented as code, in a list too. */
const BLOCK = /(?:^(?: {4}| {7})\S.*\n)+/gm

/** A line between fences, or a few words between backquotes. */
const FENCED = /^```sh\n([\s\S]*?)^```/gm
const QUOTED = /(?<!`)`([^`]+)`(?!`)/g
/** Programs with something behind them, and a question to the database. */
const TYPED =
  /^(?:(?:ansible-\w+|curl|gh|gluster|journalctl|manyhands(?:-\w+)?|node|patronictl|ssh|ssh-\w+|systemctl|select) \S|manyhands-restore-drill)/

/** All that a page of docs/operations tells to type in the middle of its sentences or between fences. */
export function quotedOf(page: string): string[] {
  const text = readPage(page)
  const fenced = [...text.matchAll(FENCED)].flatMap(([, lines = '']) => lines.trim().split('\n'))
  const quoted = [...text.replaceAll(FENCED, '').matchAll(QUOTED)].map(([, words = '']) =>
    words.replaceAll(/\s+/g, ' '),
  )
  const typed = [...fenced.map((line) => line.replace(/ +# .*/, '')), ...quoted]
  return [...new Set(typed)].filter((words) => TYPED.test(words))
}

/** All that a page of docs/operations tells to type, block by block. */
export function blocksOf(page: string): string[][] {
  return [...readPage(page).matchAll(BLOCK)].map(([block]) => linesOf(block))
}

/**
 * The commands of the first block of them behind some words of a page of docs/operations, so that what is drilled is what
 * operators read.
 *
 * @param changed what stands in the page, and what stands there for this site.
 * @throws Error when the page has not these words, or not what is to be changed.
 */
export function commandsOf(
  page: string,
  words: string,
  changed: Readonly<Record<string, string>> = {},
): string[] {
  const text = readPage(page)
  const begin = text.indexOf(words)
  if (begin === -1) throw new Error(`${page} does not say “${words}”`)
  const [block] = text.slice(begin).match(BLOCK) ?? []
  if (block === undefined) throw new Error(`There is no command behind “${words}” in ${page}`)
  let commands = block
  for (const [from, to] of Object.entries(changed)) {
    if (!commands.includes(from)) throw new Error(`“${from}” is not behind “${words}” in ${page}`)
    commands = commands.replaceAll(from, to)
  }
  return linesOf(commands)
}

function readPage(page: string): string {
  return readFileSync(new URL(`../../docs/operations/${page}`, import.meta.url), 'utf8')
}

function linesOf(block: string): string[] {
  return block.replaceAll(/^ +/gm, '').trim().split('\n')
}

/** Runs a command on a host as somebody who types it there, and shows it first. @throws Error when it fails. */
export async function typeOn(host: string, command: string): Promise<void> {
  console.log(`${host}# ${command}`)
  await hosts(['exec', host, 'bash', '-c', `cd /; ${command}`])
}
