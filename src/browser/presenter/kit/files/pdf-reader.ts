import reader from 'pdfjs-legacy/build/pdf.worker.js'

// Where pdf.js looks for it when it runs in one thread.
Object.assign(window, { pdfjsDistBuildPdfWorker: reader })
