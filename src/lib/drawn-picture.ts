/** A picture that the site drew, as its name tells it. */
export interface DrawnPicture {
  src: string
  width: number
  height: number
  /** The same picture twice as large, for screens that show it sharper. */
  srcset: string
}

/**
 * The name of a drawn picture: that of the upload, and its size.
 *
 * @param part which part of it is shown: another one is another picture.
 */
export function drawnName(
  fileName: string,
  { width, height }: { width: number; height: number },
  part = '',
): string {
  return `${fileName.replace(/\.[^.]*$/, '')}${part}.${width}x${height}.webp`
}

/** What an address tells of a picture that the site drew in two sizes; undefined for any other. */
export function drawnPicture(url: string | null): DrawnPicture | undefined {
  const [, stem, width, height] = /^(.*\/uploads\/.*)\.(\d+)x(\d+)\.webp$/.exec(url ?? '') ?? []
  if (url === null || stem === undefined) return undefined
  const size = { width: Number(width), height: Number(height) }
  const large = drawnName(`${stem}.webp`, { width: 2 * size.width, height: 2 * size.height })
  return { src: url, ...size, srcset: `${url} 1x, ${large} 2x` }
}
