"""A login provider on this machine that speaks just enough OpenID Connect and lets everybody in as somebody."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLIENT_ID = "personalab"


@dataclass
class Provider:
    """The provider; ``email`` is who logs in next."""

    address: str
    email: str = "nobody@elsewhere.example"
    nonces: dict[str, str] = field(default_factory=dict)

    def secrets(self, app: str, *, editors: list[str], viewers: list[str]) -> str:
        """The secrets.toml of an app that logs in here."""
        return "\n".join(
            [
                "[auth]",
                f'redirect_uri = "{app}/oauth2callback"',
                'cookie_secret = "0123456789abcdef0123456789abcdef"',
                f'client_id = "{CLIENT_ID}"',
                'client_secret = "loopback"',
                f'server_metadata_url = "{self.address}/.well-known/openid-configuration"',
                "[access]",
                f"editors = {json.dumps(editors)}",
                f"viewers = {json.dumps(viewers)}",
            ]
        )


@contextmanager
def open_provider() -> Iterator[Provider]:
    """Serve until the block ends."""
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            asked = {name: values[0] for name, values in urllib.parse.parse_qs(url.query).items()}
            if url.path == "/authorize":
                code = f"code{len(provider.nonces)}"
                provider.nonces[code] = asked.get("nonce", "")
                answer = urllib.parse.urlencode({"code": code, "state": asked["state"]})
                self.send_response(302)
                self.send_header("Location", f"{asked['redirect_uri']}?{answer}")
                self.end_headers()
            elif url.path == "/jwks":
                self.answer({"keys": [key.as_dict(private=False)]})
            else:
                self.answer(
                    {
                        "issuer": provider.address,
                        "authorization_endpoint": f"{provider.address}/authorize",
                        "token_endpoint": f"{provider.address}/token",
                        "jwks_uri": f"{provider.address}/jwks",
                        "response_types_supported": ["code"],
                        "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )

        def do_POST(self) -> None:
            body = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            now = int(time.time())
            claims = {
                "iss": provider.address,
                "aud": CLIENT_ID,
                "sub": provider.email,
                "email": provider.email,
                "email_verified": True,
                "nonce": provider.nonces[body["code"][0]],
                "iat": now,
                "exp": now + 600,
            }
            token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
            self.answer({"access_token": "access", "token_type": "Bearer", "expires_in": 600, "id_token": token})

        def answer(self, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
