"""A fake identity provider: OpenID Connect's discovery, authorize, token, keys and userinfo over real HTTP."""

import time
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.fakes.server import FakeServer, Received, Reply

CLIENT_ID, CLIENT_SECRET = "gateway", "client-secret"
_KEY = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256", "use": "sig"})
_FOREIGN = RSAKey.generate_key(2048, parameters={"kid": "one", "alg": "RS256", "use": "sig"})


class FakeIdentityProvider(FakeServer):
    """`person` is whom it signs in. `signed` changes claims of the id_token (None: left out), `info` of userinfo."""

    def __init__(self) -> None:
        super().__init__()
        self.clear()

    def clear(self) -> None:
        super().clear()
        self.person: dict[str, Any] = {
            "sub": "person-1", "email": "ada@example.com", "email_verified": True, "name": "Ada", "groups": ["staff"],
        }  # fmt: skip
        self.signed: dict[str, Any] = {}
        self.info: dict[str, Any] = {}
        self.key, self.sends_id_token = _KEY, True
        self._codes: dict[str, dict[str, str]] = {}

    def forge_signatures(self) -> None:
        self.key = _FOREIGN

    def respond(self, received: Received) -> Reply:
        answers = {
            "/.well-known/openid-configuration": self._discovery,
            "/authorize": self._authorize,
            "/token": self._token,
            "/keys": lambda _: Reply(200, {"keys": [_KEY.as_dict(private=False)]}),
            "/userinfo": self._userinfo,
        }
        answer = answers.get(received.path)
        return answer(received) if answer else Reply(404, {})

    def _discovery(self, _: Received) -> Reply:
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
        }
        return Reply(200, found)

    def _authorize(self, received: Received) -> Reply:
        asked = received.query
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return Reply(302, headers={"Location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, received: Received) -> Reply:
        sent = {name: values[0] for name, values in parse_qs(received.body.decode()).items()}
        asked = self._codes.pop(sent.get("code", ""), None)
        if asked is None or "code_verifier" not in sent or sent["redirect_uri"] != asked["redirect_uri"]:
            return Reply(400, {"error": "invalid_grant"})
        now = int(time.time())
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "sub": self.person["sub"], **self.signed,
        }  # fmt: skip
        said = {name: value for name, value in claims.items() if value is not None}
        answer: dict[str, Any] = {"access_token": "access", "token_type": "Bearer", "expires_in": 300}
        if self.sends_id_token:
            answer["id_token"] = jwt.encode({"alg": "RS256", "kid": "one"}, said, self.key)
        return Reply(200, answer)

    def _userinfo(self, received: Received) -> Reply:
        if received.headers.get("authorization") != "Bearer access":
            return Reply(401, {})
        return Reply(200, {**self.person, **self.info})
