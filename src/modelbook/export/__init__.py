"""What is known, in formats of other tools: model cards, bills of materials, provenance, tables. Pure."""

from modelbook.export.cyclonedx import bill
from modelbook.export.hub import readme
from modelbook.export.prov import provenance
from modelbook.export.subject import NotThere, Subject, subject
from modelbook.export.tables import tables

__all__ = ["NotThere", "Subject", "bill", "provenance", "readme", "subject", "tables"]
