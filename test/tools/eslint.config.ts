import js from '@eslint/js'
import { defineConfig } from 'eslint/config'
import { resolve } from 'node:path'
import tseslint from 'typescript-eslint'
import { noSessionState, noSql, noUnwantedComments, vocabulary } from './lint-rules.ts'

const root = resolve(import.meta.dirname, '../..')

/** Selectors of code that is wrong everywhere. */
const SYNTAX = [
  {
    selector: 'TSAsExpression > TSAsExpression > TSUnknownKeyword',
    message: 'Two casts hide what the value is: parse it, narrow it or type its source.',
  },
  {
    selector: 'CallExpression[callee.property.name="query"] > ObjectExpression > Property[key.name="name"]',
    message: 'No named statements: connections run behind PgBouncer in transaction mode.',
  },
  {
    selector: 'NewExpression[callee.property.name="Query"] > ObjectExpression > Property[key.name="name"]',
    message: 'No named statements: connections run behind PgBouncer in transaction mode.',
  },
]

const ENVIRONMENT = {
  selector: 'MemberExpression[object.name="process"][property.name="env"]',
  message: 'Only src/bin reads the environment; take what you need from the config.',
}

const EXIT = {
  selector:
    'CallExpression[callee.object.name="process"][callee.property.name=/^(?:exit|abort|reallyExit)$/]',
  message: 'Only src/bin ends the process; throw instead.',
}

const ENVIRONMENT_PARTS = {
  selector: 'VariableDeclarator[init.name="process"] > ObjectPattern',
  message: 'Name the process where you use it; the other rules watch for it.',
}

const PROCESS_IMPORT = {
  selector: 'ImportDeclaration[source.value=/^(?:node:)?process$/]',
  message: 'Use the global process, which the other rules watch.',
}

/** The runner awaits what these return. */
const TEST_CALLS = ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach']

export default defineConfig(
  { ignores: ['**/*.js', '**/*.cjs', '**/*.mjs', 'node_modules/', '.data/'] },
  { linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    plugins: {
      manyhands: {
        rules: {
          vocabulary,
          'no-session-state': noSessionState,
          'no-sql': noSql,
          'no-unwanted-comments': noUnwantedComments,
        },
      },
    },
    languageOptions: {
      parserOptions: {
        project: [`${root}/tsconfig.json`, `${root}/src/browser/tsconfig.json`],
        tsconfigRootDir: root,
      },
    },
    rules: {
      'manyhands/no-unwanted-comments': 'error',
      'no-restricted-syntax': ['error', ...SYNTAX, ENVIRONMENT, ENVIRONMENT_PARTS, EXIT, PROCESS_IMPORT],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/ban-ts-comment': [
        'error',
        { 'ts-check': true, 'ts-expect-error': true, 'ts-ignore': true, 'ts-nocheck': true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A function that resolves needs no await inside: its callers see one kind of function.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Our objects are closures whose functions use no `this`, so taking one apart is safe.
      '@typescript-eslint/unbound-method': 'off',
      // Each background job adds its payload to this one.
      '@typescript-eslint/no-empty-object-type': ['error', { allowWithName: '^JobPayloads$' }],
    },
  },
  {
    files: ['src/**/*.ts', 'jobs/**/*.ts'],
    rules: {
      'manyhands/vocabulary': 'error',
      'manyhands/no-sql': 'error',
      'manyhands/no-session-state': 'error',
    },
  },
  {
    // These layers know no noun of ours: a worker is a process, and a server answers.
    files: ['src/bin/**/*.ts', 'src/platform/**/*.ts', 'src/http/**/*.ts', 'src/deploy/**/*.ts'],
    rules: {
      'manyhands/vocabulary': ['error', { allowed: ['worker', 'answer', 'hit', 'tool', 'replication'] }],
    },
  },
  {
    files: ['jobs/**/*.ts'],
    rules: { 'manyhands/vocabulary': ['error', { allowed: ['worker'] }] },
  },
  {
    // PyBossa's words are on the wire and in the files here.
    files: ['src/web/api/**/*.ts', 'src/exporters/**/*.ts', 'src/browser/presenter/**/*.ts'],
    rules: {
      'manyhands/vocabulary': ['error', { allowed: ['answer', 'gold', 'app id', 'app name', 'app short'] }],
    },
  },
  {
    files: ['src/domain/*/*-repository.ts', 'src/platform/*-store.ts'],
    rules: { 'manyhands/no-sql': 'off' },
  },
  {
    // Migrations have a session of their own, past the pooler.
    files: ['src/platform/migration-store.ts'],
    rules: { 'manyhands/no-session-state': 'off' },
  },
  {
    files: ['src/bin/**/*.ts'],
    rules: { 'no-console': 'off', 'no-restricted-syntax': ['error', ...SYNTAX, PROCESS_IMPORT] },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-syntax': ['error', ...SYNTAX, PROCESS_IMPORT],
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: TEST_CALLS }] },
      ],
    },
  },
)
