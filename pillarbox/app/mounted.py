"""What other parts of the server answer by HTTP, as routes for the site. With starlette, so loaded late."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from pillarbox.app.acme import files
from pillarbox.app.config import Config
from pillarbox.identity.directory import Directory


def routes(config: Config, directory: Directory, url: str) -> list[BaseRoute]:
    return [_challenge(config)] if config.acme.addresses else []


def _challenge(config: Config) -> Route:
    """RFC 8555 8.3: what the authority looks for, as `acme.responder` has it."""
    data = config.data_folder

    async def endpoint(request: Request) -> Response:
        found = files.answer(data, request.path_params["token"])
        if found is None:
            return PlainTextResponse("There is nothing here.\n", 404)
        return PlainTextResponse(found)

    return Route("/.well-known/acme-challenge/{token}", endpoint, methods=["GET"])
