"""Prix Fixe itself, discarding and with its durable store."""

from receiver import default_binary, prixfixe
from recipe import Recipe, command


def version():
    return command(default_binary(), "--version").split()[-1]


DISCARD = Recipe(
    name="prixfixe",
    durable=False,
    does="`prixfixe serve`, destination `discard`",
    version=version,
    start=lambda folder: prixfixe(folder, "discard"),
)

STORE = Recipe(
    name="prixfixe-store",
    durable=True,
    does="`prixfixe serve`, destination `store`: synced before 250, kept",
    version=version,
    start=lambda folder: prixfixe(folder, "store"),
)
