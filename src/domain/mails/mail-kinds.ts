/**
 * The kinds of notices that people choose for themselves, and what holds for who has not chosen. A mail that belongs to
 * what its reader did (a password, an export that was asked for) is of no kind: it is always sent.
 */
export const NOTICE_KINDS = {
  /** What goes wrong on the site, and who left it; for its admins. */
  site: { isDefault: true, isBulk: false, isForAdmins: true },
  /** A project of one's own is done, is quiet, or its webhook or bucket fails. */
  project: { isDefault: true, isBulk: false },
  'weekly-report': { isDefault: true, isBulk: true },
  /** Blog posts of projects that one has contributed to. */
  blogpost: { isDefault: false, isBulk: true },
  newsletter: { isDefault: false, isBulk: true },
  /** A word to who has not contributed for a while, or not yet. */
  invitation: { isDefault: false, isBulk: true },
} as const satisfies Record<string, { isDefault: boolean; isBulk: boolean; isForAdmins?: boolean }>

export type NoticeKind = keyof typeof NOTICE_KINDS

export function isNoticeKind(text: string): text is NoticeKind {
  return Object.hasOwn(NOTICE_KINDS, text)
}

/** The kinds that somebody may get, in the order in which they see them. */
export function noticeKindsFor({ isAdmin }: { readonly isAdmin: boolean }): NoticeKind[] {
  const kinds = Object.keys(NOTICE_KINDS).filter(isNoticeKind)
  return kinds.filter((kind) => isAdmin || !('isForAdmins' in NOTICE_KINDS[kind]))
}
