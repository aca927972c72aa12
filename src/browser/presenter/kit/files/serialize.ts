// Adds serializeJSON to the frame's jQuery.
import 'jquery-serializejson'
