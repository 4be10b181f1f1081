"""``apvg studio``: a web page on this machine where people perform music, edit what was made, and
make performers of their own.

`app` lays the page out, one file per tab; `jobs` keeps the work in a queue and gives each job a
process of its own, whose inside is `worker`. Everything that is uploaded or made stays in one
folder (`folder`).
"""
