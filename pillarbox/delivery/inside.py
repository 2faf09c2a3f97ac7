"""Where no mail of strangers comes from, and nobody outside speaks of: this machine and private networks."""

from ipaddress import IPv4Address, IPv6Address, ip_network

_INSIDE = tuple(
    map(
        ip_network,
        (
            *(
                "127.0.0.0/8",
                "10.0.0.0/8",
                "172.16.0.0/12",
                "192.168.0.0/16",
                "169.254.0.0/16",
                "100.64.0.0/10",
            ),
            *("::1/128", "fe80::/10", "fc00::/7"),
        ),
    )
)


def is_inside(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _INSIDE)
