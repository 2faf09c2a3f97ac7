"""HTML. All pages are made here, of text that is escaped here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from starlette.responses import HTMLResponse

SCOPE_WORDS = {
    "imap": "read, file and delete your mail (IMAP)",
    "pop": "fetch and delete the mail of your inbox (POP3)",
    "smtp": "send mail as you (SMTP)",
}

_FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/static/style.css">{scripts}</head>
<body><main><h1>{title}</h1>
{body}
</main></body></html>
"""


def page(title: str, *body: str, status: int = 200, scripts: Sequence[str] = ()) -> HTMLResponse:
    """`body` is HTML made by the functions below."""
    sources = "".join(f'<script src="/static/{each}" defer></script>' for each in scripts)
    made = _FRAME.format(title=escape(title), body="\n".join(body), scripts=sources)
    return HTMLResponse(made, status)


def text(words: str, kind: str = "") -> str:
    marked = f' class="{escape(kind)}" role="alert"' if kind else ""
    return f"<p{marked}>{escape(words)}</p>"


def heading(words: str) -> str:
    return f"<h2>{escape(words)}</h2>"


def form(action: str, *content: str, hidden: dict[str, str] | None = None, id: str = "") -> str:
    named = f' id="{escape(id)}"' if id else ""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in (hidden or {}).items()
    )
    return f'<form method="post" action="{escape(action)}"{named}>{fields}{"".join(content)}</form>'


def field(
    label: str, name: str, *, kind: str = "text", value: str = "", complete: str = "off", more: str = ""
) -> str:
    return (
        f'<label>{escape(label)}<input type="{escape(kind)}" name="{escape(name)}" value="{escape(value)}"'
        f' autocomplete="{escape(complete)}" {more}></label>'
    )


def tick(label: str, name: str, ticked: bool) -> str:
    on = " checked" if ticked else ""
    box = f'<input type="checkbox" name="{escape(name)}" value="1"{on}>'
    return f'<label class="tick">{box}{escape(label)}</label>'


def code(secret: str) -> str:
    """Something to copy."""
    return f"<p><code>{escape(secret)}</code></p>"


def link(path: str, label: str) -> str:
    return f'<p><a href="{escape(path)}">{escape(label)}</a></p>'


def day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")


def used(moment: int | None) -> str:
    return f"used last on {day(moment)}" if moment is not None else "not used yet"


def button(label: str, name: str = "", value: str = "", *, kind: str = "submit", id: str = "") -> str:
    named = f' name="{escape(name)}" value="{escape(value)}"' if name else ""
    known = f' id="{escape(id)}"' if id else ""
    return f'<button type="{escape(kind)}"{named}{known}>{escape(label)}</button>'


def items(*rows: str) -> str:
    return f"<ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>" if rows else ""


def words(text: str) -> str:
    return escape(text)


def problem(words_: str, status: int = 400) -> HTMLResponse:
    return page("That did not work", text(words_, "wrong"), status=status)
