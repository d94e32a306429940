"""Every receiver that is measured, one file each."""

from . import (
    aiosmtpd,
    exim,
    go_smtp,
    haraka,
    mailin,
    opensmtpd,
    postfix_smtpd,
    sink,
    smtp_server,
)
from .ours import ours

__all__ = ["PEERS", "ours"]

# In the order of the tables.
PEERS = {
    recipe.name: recipe
    for recipe in (
        sink.RECIPE,
        mailin.RECIPE,
        go_smtp.RECIPE,
        smtp_server.RECIPE,
        haraka.RECIPE,
        aiosmtpd.RECIPE,
        aiosmtpd.WITH_UVLOOP,
        postfix_smtpd.RECIPE,
        exim.RECIPE,
        opensmtpd.RECIPE,
    )
}
