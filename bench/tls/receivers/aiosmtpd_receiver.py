"""aiosmtpd as a receiver that throws mail away: one port with STARTTLS, one with TLS from the start."""

import asyncio
import ssl
import sys

from aiosmtpd.smtp import SMTP


class Discard:
    async def handle_DATA(self, server, session, envelope):
        return "250 2.0.0 discarded"


async def main(certificate, key, starttls_port, implicit_port):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    handler = Discard()
    common = {"hostname": "mx.bench.example", "data_size_limit": 0}
    await loop.create_server(
        lambda: SMTP(handler, tls_context=context, **common), "127.0.0.1", starttls_port, backlog=1024
    )
    await loop.create_server(
        lambda: SMTP(handler, **common), "127.0.0.1", implicit_port, ssl=context, backlog=1024
    )
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
