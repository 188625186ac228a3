"""What this package says of itself: in the context of events and in the ``User-Agent``."""

NAME = "sillage-python"
VERSION = "0.1.0"
