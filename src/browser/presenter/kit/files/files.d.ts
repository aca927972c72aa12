// Packages without types, of which only the global that they make is used.

declare module 'raphael' {
  const Raphael: unknown
  export default Raphael
}
declare module 'jquery-serializejson'
declare module 'pdfjs-legacy/build/pdf.js'
declare module 'pdfjs-legacy/build/pdf.worker.js' {
  const reader: unknown
  export default reader
}
