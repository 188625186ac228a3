"""Sillage tracks what happens in a server or a notebook, and delivers it to a collector.

    import sillage

    with sillage.Client("wk_shop", "https://collect.example.com") as client:
        client.track("Order Completed", {"order_id": "o-7", "revenue": 80.5}, sillage.EventOptions(user_id="u-42"))

No call raises into the app; what is wrong is counted in the ledger and told to ``on_signal``.
"""

from ._version import VERSION as __version__
from .client import Client
from .ledger import Ledger
from .network import Answer, HttpNetwork, Network, NoAnswer, Reply
from .options import EventOptions
from .signals import Signal

__all__ = [
    "Answer",
    "Client",
    "EventOptions",
    "HttpNetwork",
    "Ledger",
    "Network",
    "NoAnswer",
    "Reply",
    "Signal",
    "__version__",
]
