"""Virtual musicians: generators of takes, with music, motion and sound that are known exactly.

:mod:`apvg.virtual.generators` has them by name; :mod:`apvg.virtual.common` is what they share.
"""
