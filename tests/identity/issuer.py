"""Another server that gives tokens, without a network: its keys, what it signs, what it says of tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

URL = "https://login.example.net"
KIM = "kim@example.test"


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@dataclass
class Issuer:
    """`answers`: whether anybody can be reached; `asked`: how often somebody was."""

    now: Any
    keys: dict[str, Any] = field(default_factory=lambda: {"one": rsa_key()})
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: bool = True
    asked: int = 0
    basic: tuple[str, str] | None = None
    raw: bytes | None = None  # said in the place of anything sensible

    async def fetch(
        self, url: str, form: Mapping[str, str] | None = None, basic: tuple[str, str] | None = None
    ) -> bytes:
        self.asked += 1
        self.basic = basic
        if not self.answers:
            raise TimeoutError
        if self.raw is not None:
            return self.raw
        if form is not None:
            return json.dumps(self.tokens.get(form["token"], {"active": False})).encode()
        return json.dumps({"keys": [self.jwk(kid) for kid in self.keys]}).encode()

    def jwk(self, kid: str) -> dict[str, Any]:
        key = self.keys[kid].public_key()
        kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePublicKey) else RSAAlgorithm
        return {**kind.to_jwk(key, as_dict=True), "kid": kid, "use": "sig"}

    def claims(self, **other: Any) -> dict[str, Any]:
        about = {
            "iss": URL,
            "aud": "mail",
            "sub": "4711",
            "email": KIM,
            "scope": "openid mail",
            "client_id": "webmail",
            "exp": int(self.now()) + 600,
            **other,
        }
        return {name: value for name, value in about.items() if value is not None}

    def sign(self, kid: str = "one", alg: str = "RS256", **other: Any) -> str:
        return jwt.encode(self.claims(**other), self.keys[kid], alg, {"kid": kid})
