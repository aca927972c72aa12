import { test } from 'node:test'
import { startTestApp } from '../support/app.ts'
import { rowsOf } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { untilFileEnds } from '../support/file-ending.ts'
import { startSmtp } from '../support/smtp.ts'
import { isFineEverywhere } from '../support/template-session.ts'

const ending = untilFileEnds()
const smtp = await startSmtp(ending)
const [site, browser] = await Promise.all([
  startTestApp(ending, { SIGN_IN_CODES: 'on', MAIL_URL: smtp.url }),
  startChromium(ending),
])

test('somebody signs in by password and code, on a telephone and a desk', async (t) => {
  const { email, password } = await site.user()
  const context = await browser.newContext()
  t.after(() => context.close())
  const page = await context.newPage()
  await page.goto(`${site.url}/account/signin?next=/account/keys`)
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Enter the code from your mail' }).waitFor()
  await isFineEverywhere(page, 'code')
  const [mail] = await rowsOf<{ text: string }>(
    site,
    'select text_body as text from mail where recipient = $1',
    [email],
  )
  const code = /^\d{6}$/m.exec(mail?.text ?? '')?.[0] ?? ''
  await page.getByLabel('Code').fill(code === '000000' ? '000001' : '000000')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('4 tries are left').waitFor()
  await isFineEverywhere(page, 'code-wrong')
  const address = page.url()
  await page.getByLabel('Code').fill(code)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: /keys/i }).waitFor()
  await page.goto(address)
  await page.getByRole('heading', { level: 1, name: /keys/i }).waitFor()
  await context.clearCookies()
  await page.goto(address)
  await page.getByText('Sign in again, and we send another one').waitFor()
  await isFineEverywhere(page, 'code-over')
})
