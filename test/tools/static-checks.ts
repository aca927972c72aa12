import type { Step } from './steps.ts'

/** What checks keep from run to run. */
export const CACHE = 'node_modules/.cache/checks'

/** By its path: version 6, which the linter reads types with, has a program of the same name. */
const TSC = ['node', 'node_modules/typescript-native/bin/tsc'] as const

/** What is known to be right or wrong without running the product; the longest first, so that two lanes end together. */
export const STATIC_CHECKS: readonly Step[] = [
  {
    name: 'lint',
    command: [
      'eslint',
      ...['--flag', 'unstable_native_nodejs_ts_config', '--config', 'test/tools/eslint.config.ts'],
      ...['--max-warnings', '0', 'src', 'jobs', 'test'],
    ],
  },
  {
    name: 'types',
    command: [
      ...TSC,
      ...['--project', '.'],
      ...['--incremental', '--tsBuildInfoFile', `${CACHE}/types.tsbuildinfo`],
    ],
  },
  {
    name: 'types for browsers',
    command: [
      ...TSC,
      ...['--project', 'src/browser'],
      ...['--incremental', '--tsBuildInfoFile', `${CACHE}/browser-types.tsbuildinfo`],
    ],
  },
  {
    name: 'format',
    command: [
      ...(['prettier', '--check', '--log-level', 'warn', '--no-error-on-unmatched-pattern'] as const),
      ...['--ignore-path', '.gitignore', '--cache', '--cache-location', `${CACHE}/format`],
      '{src,jobs,test,docs,ansible}/**/*.{ts,js,md,yaml,yml,json,css}',
      ...['*.{json,md}', '!package-lock.json', '!test/**/{data,samples,task-lists}/**'],
    ],
  },
  { name: 'ansible', command: ['node', 'test/tools/check-ansible.ts'] },
  { name: 'layers', command: ['node', 'test/tools/check-layers.ts'] },
  { name: 'dead code', command: ['knip', '--config', 'test/tools/knip.config.ts', '--no-progress'] },
  {
    name: 'complexity',
    command: [
      ...(['biome', 'lint', '--config-path=test/tools/complexity.json', '--reporter=concise'] as const),
      ...['--max-diagnostics=none', 'src', 'jobs', 'test'],
    ],
  },
  { name: 'licences', command: ['node', 'test/tools/check-licences.ts'] },
  { name: 'names and places', command: ['node', 'test/tools/check-tree.ts'] },
  { name: 'words', command: ['node', 'test/tools/check-words.ts'] },
]
