"""What the black-box tests share: a running Moln, and clients that are lighter or ruder than the SDKs."""
