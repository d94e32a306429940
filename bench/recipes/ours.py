"""Prix Fixe itself, discarding and with its durable store."""

from receiver import default_binary, prixfixe
from recipe import Recipe, command


def ours(durable, binary=None):
    """What a peer of the same class is measured against."""
    destination = "store" if durable else "discard"
    return Recipe(
        name="prixfixe",
        durable=durable,
        does=f"`prixfixe serve` with the destination `{destination}`",
        version=lambda: command(binary or default_binary(), "--version").split()[-1],
        start=lambda folder: prixfixe(folder, destination, binary=binary),
    )
