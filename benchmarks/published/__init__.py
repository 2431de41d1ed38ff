"""The published code beside ours, from a checkout of it outside this repository: README.md says how."""
