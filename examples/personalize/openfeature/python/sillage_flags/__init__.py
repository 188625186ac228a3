"""Live segments as OpenFeature flags."""

from .provider import Options, SillageProvider

__all__ = ["Options", "SillageProvider"]
