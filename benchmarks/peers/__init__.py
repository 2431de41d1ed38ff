"""Other codecs beside ours, in processes of their own: README.md says how."""
