const KINDS: readonly { endings: RegExp; keys: (url: string, name: string) => Record<string, string> }[] = [
  {
    endings: /\.(png|jpe?g|gif|webp)$/i,
    keys: (url, name) => ({ url_m: url, url_b: url, title: name }),
  },
  { endings: /\.(mp4|m4v|og[gv]|webm|avi)$/i, keys: (url) => ({ video_url: url }) },
  { endings: /\.(mp4|m4a|og[ga]|webm|wav|mp3)$/i, keys: (url) => ({ audio_url: url }) },
  { endings: /\.pdf$/i, keys: (url) => ({ pdf_url: url }) },
]

/** PyBossa's keys of a task about a file: which ones besides the first three depends on how its name ends. */
export function mediaRow(name: string, url: string): Record<string, string> {
  const others = KINDS.filter(({ endings }) => endings.test(name)).map(({ keys }) => keys(url, name))
  return Object.assign({ filename: name, url, link: url }, ...others) as Record<string, string>
}
