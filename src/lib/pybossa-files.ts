const standsAt = (file: string, paths: readonly string[]) => paths.map((path) => [path, file] as const)
const inFrame = (paths: readonly string[]) => standsAt('presenter-again.js', paths)

/**
 * Scripts of PyBossa's pages that presenters load by their address, and the file that stands for each here. The frame has
 * the first ones already; the others come with a presenter that asks for them.
 */
export const PYBOSSA_FILES: ReadonlyMap<string, string> = new Map(
  [
    ...inFrame(['js/pybossa/pybossa.js', 'js/pybossa/pybossa.min.js', 'js/pybossa.js', 'js/pybossa.min.js']),
    ...inFrame(['js/pybossa-player/dist/pybossa-player.min.js', 'js/pybossa-player/dist/pybossa-player.js']),
    ...inFrame(['js/pybossa-notify.js', 'js/pybossa-notify/pybossa-notify.js']),
    ...inFrame(['vendor/jquery.js', 'vendor/jquery.min.js', 'js/jquery.js', 'js/jquery.min.js']),
    ...inFrame(['js/jquery/dist/jquery.js', 'js/jquery/dist/jquery.min.js']),
    ...inFrame(['vendor/bootstrap.js', 'vendor/bootstrap.min.js', 'js/bootstrap.js', 'js/bootstrap.min.js']),
    ...inFrame(['vendor/modernizr.js', 'js/modernizr.js', 'js/modernizr.min.js']),
    ...standsAt('pybossa-d3.js', [
      'js/d3.v2.min.js',
      'js/d3.v2.js',
      'js/d3.v3.min.js',
      'js/d3.min.js',
      'js/d3.js',
    ]),
    ...standsAt('pybossa-word-cloud.js', ['js/d3.layout.cloud.js', 'js/d3.layout.cloud.min.js']),
    ...standsAt(
      'pybossa-migrate.js',
      ['js', 'js/vendor', 'vendor'].flatMap((folder) => [
        `${folder}/jquery-migrate.js`,
        `${folder}/jquery-migrate.min.js`,
      ]),
    ),
    ...['vendor/fancybox', 'vendor/fancybox/source'].flatMap((folder) => [
      ...standsAt('pybossa-fancybox.js', [
        `${folder}/jquery.fancybox.js`,
        `${folder}/jquery.fancybox.pack.js`,
      ]),
      ...standsAt('pybossa-fancybox.css', [`${folder}/jquery.fancybox.css`]),
    ]),
    ['js/throbber/throbber.js', 'pybossa-throbber.js'] as const,
    ['js/raphael-min.js', 'pybossa-raphael.js'] as const,
    ['js/raphael.js', 'pybossa-raphael.js'] as const,
    ['js/vendor/jquery.serializeJSON.min.js', 'pybossa-serialize.js'] as const,
    ['js/pdf/pdf.js', 'pybossa-pdf.js'] as const,
    // Looked for beside pdf.js.
    ['js/pdf/pdf.worker.js', 'pybossa-pdf-reader.js'] as const,
    ['js/pdf/dragscrollable.js', 'pybossa-dragging.js'] as const,
    ['js/pdf/scrollsync.js', 'pybossa-dragging.js'] as const,
  ].map(([path, file]) => [`/static/${path}`, file]),
)
