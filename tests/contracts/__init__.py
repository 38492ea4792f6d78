"""Golden messages: what upstream may send and what stands on the log, one file per type and version.

A file is never edited after release; a new version of a type gets a new file, and the codec an upcaster.
`@` parts variants of one version: `representative.registered.v1@null-absent` is from when null cleared nothing there.
"""
