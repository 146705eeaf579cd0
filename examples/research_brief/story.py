"""What the stand-in has been told, with the documents it has read as whole texts."""

from __future__ import annotations

from holdfast.testing import told


class Story(told.Story):
    """A run, as far as it has been told."""

    @property
    def documents(self) -> dict[str, str]:
        """The documents it has read, in order, each as one text."""
        texts: dict[str, str] = {}
        for one in self.made("read_document"):
            if not one.failed and one.found:
                texts[one.found[0]["document"]] = "\n\n".join(page["text"] for page in one.found)
        return texts
