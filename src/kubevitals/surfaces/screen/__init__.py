"""The terminal screen: what is wrong, where, since when, and why a number is missing; it changes nothing.

`feed` brings pictures of the cluster from the collector's thread. `session` holds where one is and turns
keys into moves. `frame` makes the lines of the moment from `header`, a page of `pages/` and `footer`. None of
them knows Textual, so that `--snapshot` needs no terminal; `app` alone does, and paints lines that changed.
"""
