//! The launcher: runs functions' processes in sandboxes.
