import assert from 'node:assert/strict'
import { test } from 'node:test'
import { documentationProblems, isAllowedLicence, packageProblems, versionProblems } from './licences.ts'
import type { LockedPackage } from './lockfile.ts'

const good: LockedPackage = { version: '1.0.0', license: 'MIT', integrity: 'sha512-x' }

function problemsOf(entry: LockedPackage, name = 'koa', installed?: string): string[] {
  return packageProblems({ packages: { '': {}, [`node_modules/${name}`]: entry } }, () => installed)
}

test('an SPDX expression is allowed when it leaves an allowed choice', () => {
  for (const allowed of [
    'MIT',
    'MIT OR GPL-3.0',
    '(GPL-3.0 OR Apache-2.0)',
    '(MIT AND BSD-3-Clause)',
    'MIT OR GPL-2.0 AND X',
  ]) {
    assert.equal(isAllowedLicence(allowed), true, allowed)
  }
  for (const refused of [
    'GPL-3.0',
    'MIT AND GPL-3.0',
    '(MIT OR Apache-2.0) AND GPL-3.0',
    'UNLICENSED',
    '',
    'MIT)',
  ]) {
    assert.equal(isAllowedLicence(refused), false, refused)
  }
})

test('what the installed package says goes before what the lockfile says', () => {
  assert.deepEqual(problemsOf(good), [])
  assert.match(problemsOf(good, 'koa', 'AGPL-3.0')[0] ?? '', /koa: licence AGPL-3\.0/)
})

test('an exception holds for the package it names alone', () => {
  assert.deepEqual(problemsOf({ ...good, license: '(MIT AND Zlib)' }, 'pako'), [])
  assert.equal(problemsOf({ ...good, license: '(MIT AND Zlib)' }, 'koa').length, 1)
})

test('a package comes from the registry, with a checksum, and runs nothing when installed', () => {
  assert.match(problemsOf({ ...good, resolved: 'https://example.org/koa.tgz' })[0] ?? '', /only the registry/)
  assert.match(problemsOf({ ...good, link: true })[0] ?? '', /only the registry/)
  assert.match(problemsOf({ version: '1.0.0', license: 'MIT' })[0] ?? '', /no integrity/)
  assert.match(problemsOf({ ...good, hasInstallScript: true })[0] ?? '', /run a script/)
  assert.deepEqual(problemsOf({ ...good, hasInstallScript: true }, 'esbuild'), [])
})

test('a package for another system needs no checksum, for it is never fetched', () => {
  assert.deepEqual(problemsOf({ version: '1.0.0', license: 'MIT', os: ['darwin'] }), [])
  assert.deepEqual(
    problemsOf({ version: '1.0.0', license: 'MIT', os: ['linux'], cpu: ['x64'], libc: ['musl'] }),
    [],
  )
  assert.equal(problemsOf({ version: '1.0.0', license: 'MIT', os: ['linux'], cpu: ['x64'] }).length, 1)
})

test('optional packages that npm left out of the lockfile are named', () => {
  const parent = {
    ...good,
    optionalDependencies: { 'tool-darwin-arm64': '1.0.0', 'tool-linux-x64': '1.0.0' },
  }
  const packages = { 'node_modules/tool': parent, 'node_modules/tool/node_modules/tool-linux-x64': good }
  assert.deepEqual(
    packageProblems({ packages }, () => undefined),
    ['tool-darwin-arm64: missing from package-lock.json; run test/tools/complete-lockfile.ts'],
  )
})

test('docs/dependencies.md and package.json name the same packages, each once, with a reason', () => {
  const manifest = {
    dependencies: { koa: '3.0.0' },
    optionalDependencies: { pg: '8.0.0' },
    devDependencies: { knip: '6.0.0' },
  }
  const document =
    '- `koa`: the server; small\n- `pg`: the database\n\n## Development\n\n- `knip`: dead code\n'
  assert.deepEqual(documentationProblems(manifest, document), [])
  assert.equal(documentationProblems(manifest, document.replace('- `pg`: the database\n', '')).length, 1)
  assert.equal(documentationProblems(manifest, `${document}- \`koa\`: here by mistake\n`).length, 1)
  assert.equal(documentationProblems(manifest, `${document}- \`knip\`: a second time\n`).length, 1)
  assert.equal(documentationProblems(manifest, document.replace('dead code', '?')).length, 1)
})

test('versions are exact and from the registry', () => {
  assert.deepEqual(versionProblems({ dependencies: { koa: '3.0.0', pg: '1.0.0-beta.17' } }), [])
  const loose = { a: '^3.0.0', b: 'latest', c: 'github:koajs/koa', d: 'file:../koa' }
  assert.equal(versionProblems({ devDependencies: loose }).length, 4)
})
