"""A browser as a script: it keeps cookies, follows redirections within the site, and submits forms."""

from __future__ import annotations

import re
import secrets
import ssl
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

from pillarbox.testing.server import MailServer

KIM, PASSWORD = "kim@example.test", "the password"


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(about["action"]))
        elif tag == "input" and self.forms and (about.get("type") != "checkbox" or "checked" in about):
            self.forms[-1].fields[about["name"]] = about["value"]
        elif tag == "button" and self.forms and about.get("name"):
            self.forms[-1].buttons.append((about["name"], about["value"]))


class Browser:
    """`at` is the page it shows. A redirection that leaves the site is not followed, but kept in `left`."""

    def __init__(self, server: MailServer, *, tls: bool = True) -> None:
        context = ssl.create_default_context(cafile=server.certificate)
        port = server.https_port if tls else server.http_port
        self.site = f"{'https' if tls else 'http'}://localhost:{port}"
        self.http = httpx.Client(verify=context, base_url=self.site, timeout=30)
        self.at = httpx.Response(200)
        self.left = ""

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._follow(self.http.get(path, **more))

    def post(self, path: str, data: dict[str, str], **more: Any) -> httpx.Response:
        headers = {"origin": self.site, "sec-fetch-site": "same-origin", **more.pop("headers", {})}
        return self._follow(self.http.post(path, data=data, headers=headers, **more))

    def form(self, action: str = "") -> Form:
        return next(each for each in _Forms(self.at.text).forms if each.action.startswith(action))

    def submit(self, action: str = "", button: str = "", **values: str) -> httpx.Response:
        """The form of the page with what is typed in; `button` is the value of the one that is pressed."""
        form = self.form(action)
        data = {**form.fields, **values}
        if button:
            data |= dict(each for each in form.buttons if each[1] == button)
        return self.post(form.action, data)

    def sign_in(self, name: str = KIM, password: str = PASSWORD, code: str = "") -> httpx.Response:
        if not self.at.text or "/sign-in" not in self.at.text:
            self.get("/sign-in")
        return self.submit("/sign-in", name=name, password=password, code=code)

    @property
    def is_signed_in(self) -> bool:
        return self.get("/account").url.path == "/account"

    def json(self, path: str, message: dict[str, Any], **headers: str) -> httpx.Response:
        """As our script posts."""
        said = {"origin": self.site, "sec-fetch-site": "same-origin", **headers}
        return self.http.post(path, json=message, headers=said)

    def _follow(self, response: httpx.Response) -> httpx.Response:
        while response.is_redirect:
            where = urljoin(str(response.url), response.headers["location"])
            if not where.startswith(self.site + "/"):
                self.left = where
                break
            response = self.http.get(where)
        self.at = response
        return response


class Program:
    """A mail program that asks for a grant: its side of PKCE."""

    def __init__(self, browser: Browser, client: str = "mail-program", port: int = 4711) -> None:
        self.browser = browser
        self.client = client
        self.redirect_uri = f"http://127.0.0.1:{port}/"
        self.verifier = secrets.token_urlsafe(32)
        self.state = secrets.token_urlsafe(8)

    @property
    def challenge(self) -> str:
        return urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def address(self, **other: str | None) -> str:
        query = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": self.redirect_uri,
            "scope": "imap smtp offline_access",
            "state": self.state,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **other,
        }
        return "/oauth/authorize?" + urlencode(
            {name: value for name, value in query.items() if value is not None}
        )

    def came_back(self) -> dict[str, str]:
        """What the browser brought."""
        assert self.browser.left.startswith(self.redirect_uri), self.browser.left
        return {name: value for name, (value,) in parse_qs(urlsplit(self.browser.left).query).items()}

    def code(self, **other: str | None) -> str:
        """Its user has said yes."""
        self.browser.get(self.address(**other))
        if "/sign-in" in str(self.browser.at.url):
            self.browser.sign_in()
        self.browser.submit("/oauth/authorize", "allow")
        back = self.came_back()
        assert back["state"] == self.state
        assert back["iss"] == self.browser.site
        return back["code"]

    def token(self, **form: str) -> httpx.Response:
        return self.browser.http.post("/oauth/token", data={"client_id": self.client, **form})

    def exchange(self, code: str, /, **other: str) -> httpx.Response:
        return self.token(
            **{
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": self.verifier,
                **other,
            }
        )

    def tokens(self) -> dict[str, Any]:
        answer = self.exchange(self.code())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refresh(self, token: str, **other: str) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token, **other)


def words(response: httpx.Response) -> str:
    """A page without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.text))
