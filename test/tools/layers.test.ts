import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import { checkLayers } from './layers.ts'

/** A project in a folder of its own: what each file imports, types unless it begins with `run:`. */
const IMPORTS: Readonly<Record<string, readonly string[]>> = {
  'jobs/index.ts': ['../src/exporters/index.ts', '../src/lib/text.ts'],
  'jobs/mail.ts': ['../src/http/state.ts', '../src/web/server.ts'],
  'src/bin/web.ts': ['../web/server.ts', '../../jobs/index.ts', '../demo/media.ts', 'pg', 'koa'],
  'src/web/server.ts': ['../http/state.ts', '../domain/tasks/task-service.ts', 'koa'],
  'src/web/tasks.ts': ['../../jobs/index.ts', '../demo/media.ts', 'pg'],
  'src/http/state.ts': ['../platform/queue.ts', 'koa'],
  'src/http/task.ts': ['../domain/tasks/task-service.ts'],
  'src/exporters/index.ts': ['../domain/tasks/task-service.ts'],
  'src/exporters/csv.ts': ['../importers/index.ts'],
  'src/importers/index.ts': [],
  'src/domain/tasks/task-service.ts': [
    './task-repository.ts',
    '../projects/project-service.ts',
    '../../platform/queue.ts',
  ],
  'src/domain/tasks/task-repository.ts': [],
  'src/domain/projects/project-service.ts': [],
  'src/domain/projects/project-policy.ts': [
    '../tasks/task-repository.ts',
    '../../http/state.ts',
    'koa',
    'bullmq',
  ],
  'src/platform/queue.ts': ['bullmq', '../lib/text.ts'],
  'src/platform/mail.ts': ['../domain/tasks/task-service.ts'],
  'src/lib/text.ts': [],
  'src/lib/one.ts': ['./two.ts'],
  'src/lib/two.ts': ['./one.ts'],
  'src/lib/three.ts': ['../platform/queue.ts', './nowhere.ts', 'run:prettier', '../../test/text.test.ts'],
  'src/platform/heavy.ts': ['run:sharp', 'run:./s3.ts', './s3.ts', 'sharp'],
  'src/platform/s3.ts': ['run:@aws-sdk/client-s3'],
  'src/browser/page.ts': ['../lib/text.ts'],
  'src/browser/frame.ts': ['../platform/queue.ts'],
  'src/demo/media.ts': [],
  'test/text.test.ts': ['../src/lib/text.ts', '../jobs/index.ts', 'pg', 'run:prettier'],
}

test('imports go down the layers; every other one is named', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'manyhands-layers-'))
  t.after(() => {
    rmSync(folder, { recursive: true })
  })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  symlinkSync(resolve('package.json'), join(folder, 'package.json'))
  for (const [path, imports] of Object.entries(IMPORTS)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), `${imports.map(importOf).join('\n')}\nexport type It = string\n`)
  }

  const { violations } = await checkLayers(folder, ['src', 'jobs', 'test'])
  const found = violations.map((violation) =>
    violation.replace(/ → \S*node_modules\/(@?\w+)\S*:/, ' → $1:').replace(/: .*$/, ''),
  )
  assert.deepEqual([...new Set(found)].sort(), [
    'jobs/mail.ts → src/http/state.ts',
    'jobs/mail.ts → src/web/server.ts',
    'src/browser/frame.ts → src/platform/queue.ts',
    'src/domain/projects/project-policy.ts → bullmq',
    'src/domain/projects/project-policy.ts → koa',
    'src/domain/projects/project-policy.ts → src/domain/tasks/task-repository.ts',
    'src/domain/projects/project-policy.ts → src/http/state.ts',
    'src/exporters/csv.ts → src/importers/index.ts',
    'src/http/task.ts → src/domain/tasks/task-service.ts',
    'src/lib/one.ts → src/lib/two.ts → src/lib/one.ts',
    'src/lib/three.ts → ./nowhere.ts',
    'src/lib/three.ts → prettier',
    'src/lib/three.ts → src/platform/queue.ts',
    'src/lib/three.ts → test/text.test.ts',
    'src/platform/heavy.ts → sharp',
    'src/platform/heavy.ts → src/platform/s3.ts',
    'src/platform/mail.ts → src/domain/tasks/task-service.ts',
    'src/web/tasks.ts → jobs/index.ts',
    'src/web/tasks.ts → pg',
    'src/web/tasks.ts → src/demo/media.ts',
  ])
})

function importOf(path: string, index: number): string {
  return path.startsWith('run:')
    ? `import '${path.slice('run:'.length)}'`
    : `import type * as it${index} from '${path}'`
}
