"""Every receiver that is measured, one file each."""

from . import (
    aiosmtpd,
    exim,
    go_smtp,
    haraka,
    mailin,
    opensmtpd,
    ours,
    postfix_smtpd,
    sink,
    smtp_server,
)

# What theirs are measured against, by whether the class is durable.
OURS = {False: ours.DISCARD, True: ours.STORE}

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
