import {
  getAccount,
  listAccounts,
  mayKnowAccount,
  mustKnowAccount,
  updateAccount,
} from '../../domain/users/account-service.ts'
import type { Account, UserChanges } from '../../domain/users/account-service.ts'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { defineNoun } from './noun.ts'
import type { BodyOf } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire } from './output.ts'
import { resource } from './resource.ts'
import { boolean, integer, jsonObject, text, time } from './values.ts'

// What an account decides by (admin, keys, password) is no attribute, so no body can name it.
const USER = defineNoun({
  path: 'user',
  className: 'User',
  hasOwnership: false,
  isUnlinked: true,
  attributes: {
    name: { field: 'name', schema: text },
    locale: { field: 'locale', schema: text },
    id: { field: 'id', schema: integer, use: 'ignored', isPrivate: true },
    created: { field: 'created', schema: time, use: 'ignored', isPrivate: true },
    fullname: { field: 'fullName', schema: text, isPrivate: true },
    email_addr: { field: 'email', schema: text, use: 'ignored', isPrivate: true },
    privacy_mode: { field: 'privacyMode', schema: boolean, isPrivate: true },
    info: { field: 'info', schema: jsonObject, isPrivate: true },
    // PyBossa shows these empty to whoever sees the account whole.
    n_answers: { field: 'nAnswers', schema: integer, use: 'ignored', isPrivate: true, isComputed: true },
    registered_ago: { field: 'ago', schema: text, use: 'ignored', isPrivate: true, isComputed: true },
    rank: { field: 'rank', schema: integer, use: 'ignored', isPrivate: true, isComputed: true },
    score: { field: 'score', schema: integer, use: 'ignored', isPrivate: true, isComputed: true },
  },
})

/** What others see of somebody, with privacy and without. */
const PUBLIC = { private: ['name', 'locale'], open: ['name', 'locale', 'fullname', 'created'] }

/** /api/user */
export function userOperations(app: App): Operation[] {
  return resource(app, USER, {
    list: (ctx, query) => listAccounts(ctx.state.db, ctx.state.viewer, query),

    read: (ctx, id) => getAccount(ctx.state.db, id),

    async update(ctx, id, read) {
      const { db, viewer } = ctx.state
      const account = await getAccount(db, id)
      mustKnowAccount(viewer, account)
      return updateAccount(db, viewer, account, changesOf(await read()))
    },

    show: (ctx, accounts) => Promise.resolve(accounts.map((account) => shown(ctx, account))),
  })
}

function changesOf(body: BodyOf<typeof USER.attributes>): UserChanges {
  const { name, fullname: fullName, locale, privacy_mode: privacyMode, info } = body
  const candidates = { name, fullName, locale, privacyMode, info }
  if (Object.values(candidates).includes(null))
    throw new ApiError('DBIntegrityError', 'Accounts have no empty attributes')
  return Object.fromEntries(Object.entries(candidates).filter(([, value]) => value !== undefined))
}

function shown(ctx: Context, account: Account): Record<string, unknown> {
  const whole = toWire(account, USER.names)
  if (mayKnowAccount(ctx.state.viewer, account))
    return { ...whole, n_answers: null, registered_ago: null, rank: null, score: null }
  const names = account.privacyMode ? PUBLIC.private : PUBLIC.open
  return Object.fromEntries(names.map((name) => [name, whole[name]]))
}
