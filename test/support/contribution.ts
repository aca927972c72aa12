import type { TestContext } from 'node:test'
import type {
  Browser,
  BrowserContext,
  BrowserContextOptions,
  FrameLocator,
  Locator,
  Page,
} from 'playwright-core'
import type { Presenter } from '../../src/domain/presenters/presenter-service.ts'
import type { Json } from '../../src/platform/schema.ts'
import type { TestApp, TestUser } from './app.ts'
import { BIRDS, buildPresenterProject } from './presenter-project.ts'
import type { PresenterProject } from './presenter-project.ts'

export interface Contribution extends PresenterProject {
  page: Page
  context: BrowserContext
  frame: FrameLocator
  /** Waits until the picture of the nth task (from 1) is on the screen. */
  sees(nth: number): Promise<void>
  /** Waits until the picture of the nth task has arrived, shown or not. */
  hasFetched(nth: number): Promise<void>
  choice(name: string): Locator
  address: string
}

/** The nth of the demo project's pictures, as a task. */
export function pictureTask(nth: number): Json {
  return { picture: picturePath(nth), alt: `Picture ${nth}` }
}

function picturePath(nth: number): string {
  return `/media/demo/hubble-00${nth}.jpg`
}

export interface ContributionOptions {
  presenter?: Presenter
  /** The info of each task; one picture each when left out. */
  infos?: Json[]
  context?: BrowserContextOptions
  /** The site's address in the browser, when it is not the test app's own. */
  siteUrl?: string
  /** Who opens it; somebody without an account when left out. */
  by?: TestUser
  /** Readies the browser profile before the page is opened. */
  prepare?(context: BrowserContext): Promise<unknown>
}

/** Somebody opens the contribute page of a new project in a fresh browser profile. */
export async function contribute(
  t: TestContext,
  site: TestApp,
  browser: Browser,
  options: ContributionOptions = {},
): Promise<Contribution> {
  const infos = options.infos ?? [1, 2, 3].map(pictureTask)
  const built = await buildPresenterProject(site, options.presenter ?? BIRDS, infos)
  const context = await browser.newContext(options.context)
  t.after(() => context.close())
  if (options.by)
    await context.addCookies(
      options.by.cookies.map((cookie) => ({ ...cookie, url: options.siteUrl ?? site.url })),
    )
  await options.prepare?.(context)
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  const fetched = new Set<string>()
  page.on('requestfinished', (request) => fetched.add(new URL(request.url()).pathname))
  const address = `${options.siteUrl ?? site.url}/project/${built.project.shortName}/newtask`
  await page.goto(address)
  const frame = page.frameLocator('#presenter-frame')
  return {
    ...built,
    context,
    page,
    frame,
    address,
    sees: (nth) => frame.getByRole('img', { name: `Picture ${nth}`, exact: true }).waitFor(),
    async hasFetched(nth) {
      while (!fetched.has(picturePath(nth))) await page.waitForEvent('requestfinished')
    },
    choice: (name) => frame.getByRole('button', { name }),
  }
}

/** The script of a presenter that waits for a press on Yes. */
export const ANSWERING = `
  pybossa.presentTask(function (task, deferred) {
    document.getElementById('shown').innerHTML = task.id
      ? 'Task ' + task.info.n + '<span id="task-id" hidden>' + task.id + '</span><button>Yes</button>' : 'The end'
    var button = document.querySelector('button')
    if (button) button.onclick = function () {
      pybossa.saveTask(document.getElementById('task-id').textContent, { yes: true, left: undefined })
        .done(function (run) { log('saved ' + run.info.yes); deferred.resolve() })
    }
  })
`

/** Somebody opens a project with three tasks whose presenter its owner wrote; its script can `log` texts. */
export function contributeByCode(
  t: TestContext,
  site: TestApp,
  browser: Browser,
  script: string,
  markup = '',
  options: Omit<ContributionOptions, 'presenter'> & { tutorial?: string } = {},
): Promise<Contribution> {
  const { tutorial = null, infos = [1, 2, 3].map((n) => ({ n })), ...rest } = options
  const code = `${markup}<div id="shown"></div><pre id="log"></pre><script>
    var log = function (text) { document.getElementById('log').append(text + '\\n') }
    ${script}
  </script>`
  return contribute(t, site, browser, { ...rest, infos, presenter: { kind: 'code', code, tutorial } })
}

/** What a presenter wrote down, once it wrote the last of it, which may be hidden by then. */
export async function logged({ frame }: Contribution, last: string): Promise<string[]> {
  await frame.locator('#log').filter({ hasText: last }).waitFor({ state: 'attached' })
  return ((await frame.locator('#log').textContent()) ?? '').trim().split('\n')
}
