import jQuery from 'jquery'
import { keepFieldsOfJquery1 } from './jquery-1-fields.ts'

// Bootstrap's script, which comes next, looks for the global.
Object.assign(window, { jQuery, $: jQuery })

keepFieldsOfJquery1()
