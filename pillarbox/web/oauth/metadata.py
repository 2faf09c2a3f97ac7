"""What the authorization server is and can (RFC 8414), and where everything is."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pillarbox.identity.oauth_clients import OFFLINE, SCOPES
from pillarbox.web.visits import Services

WELL_KNOWN = "/.well-known/oauth-authorization-server"
AUTHORIZE, TOKEN, REVOKE = "/oauth/authorize", "/oauth/token", "/oauth/revoke"
DEVICE, VERIFY = "/oauth/device_authorization", "/device"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def metadata(services: Services, request: Request) -> Response:
    url = services.url
    return JSONResponse(
        {
            "issuer": url,
            "authorization_endpoint": url + AUTHORIZE,
            "token_endpoint": url + TOKEN,
            "revocation_endpoint": url + REVOKE,
            "device_authorization_endpoint": url + DEVICE,
            "scopes_supported": [*SCOPES, OFFLINE],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_GRANT],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "revocation_endpoint_auth_methods_supported": [
                "none",
                "client_secret_basic",
                "client_secret_post",
            ],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,  # RFC 9207
        },
        headers={"access-control-allow-origin": "*"},
    )
