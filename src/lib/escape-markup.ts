/** The text with what begins or ends a tag or an entity written as entities, as chats and subtitles want it. */
export function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
