/**
 * The kinds of notices that people choose for themselves, and what holds for who has not chosen. A mail that belongs to
 * what its reader did (a password, an export that was asked for) is of no kind: it is always sent.
 */
export const NOTICE_KINDS = {
  /** A project of one's own is done, is quiet, or its webhook fails. */
  project: { isDefault: true, isBulk: false },
  'weekly-report': { isDefault: true, isBulk: true },
  /** Blog posts of projects that one has contributed to. */
  blogpost: { isDefault: false, isBulk: true },
  newsletter: { isDefault: false, isBulk: true },
} as const satisfies Record<string, { isDefault: boolean; isBulk: boolean }>

export type NoticeKind = keyof typeof NOTICE_KINDS

export function isNoticeKind(text: string): text is NoticeKind {
  return Object.hasOwn(NOTICE_KINDS, text)
}

/** All kinds, in the order in which people see them. */
export const noticeKinds = Object.keys(NOTICE_KINDS).filter(isNoticeKind)
