import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDeployStore } from '../../src/platform/deploy-store.ts'
import type { DeployState } from '../../src/platform/deploy-store.ts'

test('what runs can be gone back to however many releases were brought since and never ran', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-store-'))
  const store = openDeployStore(join(folder, 'deploys.db'), (text) => text)
  t.after(() => {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  function deploy(sha: string, end: DeployState): void {
    const id = store.add({ kind: 'deploy', sha, who: 'olga', title: '', cause: 'page' })
    store.move({ id, state: 'received' }, 'running', 'Deploying.')
    store.move({ id, state: 'running' }, end, 'It ends.')
  }

  deploy('older', 'success')
  deploy('runs', 'success')
  for (const sha of ['b', 'c', 'd']) deploy(sha, 'failed')
  assert.deepEqual(store.releases(), ['older', 'runs'])
  for (const sha of ['e', 'f', 'g', 'h']) deploy(sha, 'failed')
  assert.deepEqual(store.releases(), ['runs'])
  deploy('new', 'success')
  assert.deepEqual(store.releases(), ['runs', 'new'])
  deploy('bad', 'rolled_back')
  assert.deepEqual(store.releases(), ['runs', 'new'], 'of five')
})
