import type { KnipConfig } from 'knip'

/** Dead code is what none of these reaches. */
const config: KnipConfig = {
  entry: [
    'src/bin/*.{ts,js}',
    'jobs/index.ts',
    // The files that src/http/assets.ts bundles for browsers.
    'src/browser/*/{site,resumable-file,picture-cutter,deploy-log,contribute,owner-page,presenter-preview,field-guide,editor,presenter-frame,presenter-code}.ts',
    'src/browser/presenter/kit/{presenter-kit,presenter-again}.ts',
    'src/browser/presenter/kit/files/*.ts',
    'src/browser/presenter/tools/*.ts',
    'test/**/*.test.ts',
    'test/{bench,drills}/*.ts',
    'test/cluster/{cluster,use-site,use-until-told,pages,share-file,deploy-releases,rush-load,speed,read-own}.ts',
    'test/support/{global-setup,file-limit,ticking-scheduler}.ts',
    'test/tools/{run-tests,run-files,run-nightly,run-checks,write-queries,check-*,complete-lockfile,test-counts,eslint.config,knip.config}.ts',
  ],
  project: ['src/**/*.{ts,js}', 'jobs/**/*.ts', 'test/**/*.ts'],
  ignoreDependencies: [
    // Run or read by name: programs, typings of packages without their own, and files that are copied from a package.
    '@biomejs/biome',
    '@fontsource-variable/figtree',
    '@octokit/webhooks-examples',
    'font-awesome',
    'kysely-codegen',
    'typescript-native',
  ],
  // Programs of Debian (util-linux, openssh-client, ansible, restic, logrotate).
  ignoreBinaries: ['flock', 'ssh-keyscan', 'ansible-playbook', 'restic', 'logrotate'],
  // The public shapes of a module are named even where only the module uses them today.
  ignoreExportsUsedInFile: { interface: true, type: true },
  includeEntryExports: false,
}

export default config
