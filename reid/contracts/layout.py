"""The number of a dumped state's layout, which every layout says first."""

import msgspec

from reid.errors import Malformed


class Layout(msgspec.Struct):
    """As much as every layout says."""

    layout: int

    def require(self, wanted: int) -> None:
        """Raises `Malformed` for another layout. To be asked before the rest is decoded: what another layout
        lacks is no damage."""
        if self.layout != wanted:
            age = "an older" if self.layout < wanted else "a newer"
            raise Malformed(f"it is of {age} layout, {self.layout}; this version reads {wanted}")
