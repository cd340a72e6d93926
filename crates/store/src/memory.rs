//! An engine in memory: the reference for conformance and the store of fast tests. Nothing survives it. (To be written.)
