# Copyright the Patchbay authors.
# SPDX-License-Identifier: Apache-2.0

"""A plugin as a process of its own, as the host starts it.

The two find each other by the handshake of go-plugin: the host sets a cookie
and its certificate in the environment, the plugin prints one line that says
where it listens, with its own certificate.
"""

from __future__ import annotations

import os
import socket
import ssl
import sys
import tempfile
import threading

from .calls import Calls
from .certificate import Certificate
from .frame import MAX_FRAME_BYTES
from .http2 import Connection
from .hpack import HeaderError
from .instance import MAJOR, Instance
from .plugin import Plugin

COOKIE_KEY = "PATCHBAY_STRATEGY_PLUGIN"
COOKIE = "b1f6a4d2c0e94f7e8a35"
WATCH_KEY, WATCH_STDIN = "PATCHBAY_WATCH", "stdin"
CORE_PROTOCOL = 1


def serve(plugin: Plugin) -> None:
    """Serves the plugin until the host ends it. Started by hand, it says what it is and exits with status 1.

    The standard output belongs to the handshake; what the strategy prints goes
    to the host's log.
    """
    if os.environ.get(COOKIE_KEY) != COOKIE:
        sys.exit(
            f"This is {plugin.name} {plugin.version}, a strategy plugin for Patchbay. It is not run by hand: "
            f"name it in the host's config, or try it with\n\n    patchbay plugin test {sys.argv[0]}"
        )
    if str(MAJOR) not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", str(MAJOR)).split(","):
        sys.exit(f"patchbay: the host speaks versions {os.environ['PLUGIN_PROTOCOL_VERSIONS']} of the contract, this plugin {MAJOR}")
    output = _own_output()
    if os.environ.get(WATCH_KEY) == WATCH_STDIN:
        threading.Thread(target=_exit_with_host, daemon=True).start()
    listener, address = _listen()
    context, certificate = _security()
    calls = Calls(Instance(plugin), shutdown=lambda: _stop(address))
    output.write(f"{CORE_PROTOCOL}|{MAJOR}|{address}|grpc|{certificate}\n")
    output.flush()
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_talk, args=(sock, context, calls), daemon=True).start()


def _own_output():
    """Returns the standard output, and has what is printed go to the log from now on."""
    output = os.fdopen(os.dup(1), "w")
    sys.stdout.flush()
    os.dup2(2, 1)
    return output


def _exit_with_host() -> None:
    """Ends the process when the standard input ends: the host, who holds the other end, is gone."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def _listen() -> tuple[socket.socket, str]:
    """Returns a listener that only this user can reach, and how the handshake names it."""
    if hasattr(socket, "AF_UNIX"):
        folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.mkdtemp(prefix="patchbay")
        path = os.path.join(folder, f"plugin{os.getpid()}")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        address = f"unix|{path}"
    else:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        address = f"tcp|127.0.0.1:{listener.getsockname()[1]}"
    listener.listen()
    return listener, address


def _security() -> tuple[ssl.SSLContext | None, str]:
    """Returns what lets in the host alone, and this side's certificate for the handshake."""
    host = os.environ.get("PLUGIN_CLIENT_CERT", "")
    if not host:
        return None, ""
    own = Certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=host)
    context.set_alpn_protocols(["h2"])
    context.num_tickets = 0
    handle, path = tempfile.mkstemp(dir=os.environ.get("PLUGIN_UNIX_SOCKET_DIR"))  # the library reads files only
    try:
        with os.fdopen(handle, "w") as file:
            file.write(own.pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
    return context, own.line()


def _talk(sock: socket.socket, context: ssl.SSLContext | None, calls: Calls) -> None:
    """Serves one connection until it ends. A connection that breaks ends alone."""
    try:
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
        Connection(sock, calls.open, MAX_FRAME_BYTES).run()
    except (OSError, HeaderError) as error:
        print(f"patchbay: connection: {error}", file=sys.stderr, flush=True)
    finally:
        sock.close()


def _stop(address: str) -> None:
    """Ends the process once the answer to the call that asked for it is on its way."""
    if address.startswith("unix|"):
        try:
            os.unlink(address.removeprefix("unix|"))
        except FileNotFoundError:
            pass
    threading.Timer(0.2, os._exit, (0,)).start()
