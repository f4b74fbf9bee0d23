"""Reference interpreter of ``soc``: plain Python, written from the specification alone. See README.md."""
