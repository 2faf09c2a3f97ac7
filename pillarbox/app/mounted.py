"""What other parts of the server answer by HTTP, as routes for the site. With starlette, so loaded late."""

from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pillarbox.app.acme import files
from pillarbox.app.config import Config
from pillarbox.app.entering import Tokens
from pillarbox.app.publishing import policy
from pillarbox.app.publishing.setup import ports
from pillarbox.filter.auth.domains import a_labels
from pillarbox.identity import routes as routing
from pillarbox.identity.addresses import fold_domain
from pillarbox.identity.directory import Directory
from pillarbox.web import published
from pillarbox.web.published import Published


def routes(config: Config, directory: Directory, url: str) -> list[BaseRoute]:
    """`url`: how the server is called by browsers."""
    challenge = [_challenge(config)] if config.acme.addresses else []
    return [*challenge, *published.routes(_published(config, url), partial(routing.is_local, directory))]


def _published(config: Config, url: str) -> Published:
    host = a_labels(config.hostname) or config.hostname
    return Published(
        host,
        ports(config),
        policy.text(host, config.web.mta_sts) if "." in host else "",  # mail comes to full names only
        url if url.startswith("https:") else "",  # tokens in the clear are nobody's to ask for
        frozenset(
            fold_domain(domain)
            for each in config.directory.values()
            if isinstance(each, Tokens)
            for domain in each.domains
        ),
    )


def _challenge(config: Config) -> Route:
    """RFC 8555 8.3: what the authority looks for, as `acme.responder` has it."""
    data = config.data_folder

    async def endpoint(request: Request) -> Response:
        found = files.answer(data, request.path_params["token"])
        if found is None:
            return PlainTextResponse("There is nothing here.\n", 404)
        return PlainTextResponse(found)

    return Route("/.well-known/acme-challenge/{token}", endpoint, methods=["GET"])
