import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { wordProblems } from './words.ts'

/** Fails when the templates and the catalogue of words do not fit together. */
const paths = readdirSync('templates', { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(?:html|txt)$/.test(path))
  .map((path) => join('templates', path))
const templates = new Map(paths.map((path) => [path, readFileSync(path, 'utf8')]))
const catalogue = JSON.parse(readFileSync('src/locales/en.json', 'utf8')) as object
const problems = wordProblems(templates, catalogue)
for (const problem of problems) console.log(problem)
console.log(`${templates.size} templates, ${problems.length} problems`)
if (problems.length > 0) process.exitCode = 1
