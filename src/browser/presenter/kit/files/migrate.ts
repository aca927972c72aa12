// Brings back to the frame's jQuery what version 1 had: `$.browser`, `.live`, `.attr('checked')` with a truth value.
import 'jquery-migrate/dist/jquery-migrate.min.js'
