"""What became of every event."""

from dataclasses import dataclass, field
from html import escape
from typing import Dict, List, Tuple


@dataclass(frozen=True)
class Ledger:
    """created = acknowledged + rejected + dropped + unsure + pending, at every moment."""

    created: int = 0
    """Events created, dropped ones included."""
    acknowledged: int = 0
    """Known to be accepted, or to have been before."""
    rejected: Dict[str, int] = field(default_factory=dict)
    """Known to be refused, by the collector's code."""
    dropped: Dict[str, int] = field(default_factory=dict)
    """Given up, and certainly never arrived, by reason."""
    unsure: Dict[str, int] = field(default_factory=dict)
    """Given up after a try whose answer never came, by reason: they may have arrived."""
    pending: int = 0
    """Queued."""

    def rows(self) -> List[Tuple[str, int]]:
        """What is to be shown: a name and a number of events each."""
        rows = [("created", self.created), ("acknowledged", self.acknowledged), ("pending", self.pending)]
        for fate, counts in (("rejected", self.rejected), ("dropped", self.dropped), ("unsure", self.unsure)):
            rows += [(f"{fate}: {reason}", count) for reason, count in sorted(counts.items())]
        return rows

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(name)}</th><td>{count}</td></tr>" for name, count in self.rows())
        return f"<table>{''.join(cells)}</table>"
