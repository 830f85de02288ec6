"""What `modelbook plan` tells of a package: the resolved `package:` and what its card says."""

from __future__ import annotations

import msgspec

from modelbook.package.faults import NotAnOrder


class About(msgspec.Struct, frozen=True):
    """The model that the package is of."""

    name: str
    description: str
    owner: str


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One package to make; paths are relative to the project's root.

    Attributes:
        run, stage: the run, and its stage that wrote the model file.
        model, flavor, trusted: the model file, what it is, and types that may be loaded from it.
        data, where, rows: held data, which rows of it, and how many at most.
        out, metrics: the folder and the metrics file to write.
        card: titles and Markdown texts; an empty text is a section that nobody wrote.
        measured: metrics files of the run, for the card.
    """

    run: str
    stage: str
    model: str
    flavor: str
    trusted: list[str]
    data: str
    where: dict[str, str | int | float | bool]
    rows: int
    out: str
    metrics: str
    about: About
    card: list[tuple[str, str]]
    measured: list[str]


def parse(content: bytes, path: str) -> Order:
    """An order out of its file.

    Raises:
        NotAnOrder: it is not what `modelbook plan` writes.
    """
    try:
        return msgspec.json.decode(content, type=Order)
    except msgspec.MsgspecError as error:
        raise NotAnOrder(path, str(error)) from None
