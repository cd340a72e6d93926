"""Connections that are meant for AWS but would pass by AWS_ENDPOINT_URL.

Code that names an address itself, such as `https://{domainName}/{stage}` to write to a WebSocket connection, asks AWS's own
host over TLS. Such a connection is made to AWS_ENDPOINT_URL; the Host header, and so the signature, stays.
AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true switches this off, as for the SDKs.
"""

import os
import sys

_AWS = (".amazonaws.com", ".amazonaws.com.cn")
_HERE = (".localhost", ".localhost.localstack.cloud")
# What makes connections: the standard library's for urllib, the other for botocore and requests.
_WATCHED = ("http.client", "urllib3.connection")


def watch():
    """Changes what makes connections as soon as it is loaded: loading it costs a function that makes none."""
    for name in _WATCHED:
        if name in sys.modules:
            _change(sys.modules[name])
    sys.meta_path.insert(0, _Finder)


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _WATCHED:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_and_change(module):
                run(module)
                _change(module)

            spec.loader.exec_module = run_and_change
        return spec


def _change(module):
    connection = getattr(module, "HTTPSConnection", None)
    connect = getattr(connection, "connect", None)
    if connect is None:
        return

    def moved(self):
        endpoint = None if getattr(self, "_tunnel_host", None) else _endpoint(self.host, self.port)
        if endpoint is None:
            return connect(self)
        self.sock = _open(endpoint, self.timeout)
        self.is_verified = True

    connection.connect = moved


def _endpoint(host, port):
    """Where a TLS connection to a host goes instead."""
    address = os.environ.get("AWS_ENDPOINT_URL")
    if not address or os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true":
        return None
    from urllib.parse import urlsplit

    host = host.lower().strip("[].")
    endpoint = urlsplit(address)
    # TLS to this machine without a port is what becomes of a domain name whose port is not told.
    here = host in ("localhost", "127.0.0.1", "::1", endpoint.hostname) or host.endswith(_HERE)
    return endpoint if host.endswith(_AWS) or (here and port == 443 and endpoint.scheme == "http") else None


def _open(endpoint, timeout):
    import socket

    secure = endpoint.scheme == "https"
    sock = socket.create_connection((endpoint.hostname, endpoint.port or (443 if secure else 80)), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not secure:
        return sock
    import ssl

    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    return context.wrap_socket(sock, server_hostname=endpoint.hostname)
