/*
 * PDF.js as presenters know it (`PDFJS.getDocument`): the last version with that interface. It runs in a presenter's frame
 * only, as the presenter's own script does.
 */
import 'pdfjs-legacy/build/pdf.js'
