import Raphael from 'raphael'

Object.assign(window, { Raphael })
